/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A strict HTTP/1.1 codec (RFC 9112) without sockets.
 *
 * A head is scanned for its end as it arrives and parsed when it is complete, so that the result
 * does not depend on how the bytes were split. Bodies are decoded in place. Heads are never copied
 * to the other side: they are written from what was parsed.
 */
#ifndef PROXY_HTTP_HTTP1_H
#define PROXY_HTTP_HTTP1_H

#include "proxy/http/message.h"

struct http1_limits {
	size_t head_max_bytes; /* start line and fields; longer: 431, or 414 in the request line */
	size_t headers_max;    /* number of fields; more: 431 */
	size_t line_max_bytes; /* request line without CRLF; longer: 414. 0: no limit of its own */
};

/* State of the search for the end of a head, kept while more bytes arrive. */
struct http1_scan {
	size_t at; /* bytes scanned */
	size_t line_start;
	size_t lines; /* complete lines, including the start line */
};

enum http1_found { HTTP1_MORE, HTTP1_COMPLETE, HTTP1_BAD };

/*
 * Searches for the end of a head. data: all bytes from the start of the head. HTTP1_COMPLETE: the
 * head is the first scan->at bytes, including the empty line. HTTP1_BAD: *status is the status to
 * respond with (400, 414 or 431).
 */
enum http1_found http1_scan_head(struct http1_scan *scan, struct str data,
				 const struct http1_limits *limits, unsigned *status);

/* How a body is delimited on a connection (RFC 9112 section 6). */
enum http1_framing {
	HTTP1_FRAMING_NONE,
	HTTP1_FRAMING_LENGTH,
	HTTP1_FRAMING_CHUNKED,
	HTTP1_FRAMING_CLOSE
};

/* Properties of the connection rather than of the message. */
struct http1_persistence {
	bool is_http10;
	bool keep_alive;
	enum http1_framing framing;
};

/*
 * Parses a complete request head, which must live as long as r. On failure *status is the status to
 * respond with: 400, 500 (no memory), 501 (CONNECT) or 505.
 */
bool http1_parse_request(struct str head, const struct http1_scan *scan, struct request_head *r,
			 struct http1_persistence *p, struct arena *a, unsigned *status,
			 struct err *e) MUST_CHECK;

/*
 * Parses a complete response head, which must live as long as r. Fails with ERR_PROTOCOL. After a
 * 1xx response the caller parses the next head.
 */
bool http1_parse_response(struct str head, const struct http1_scan *scan, bool to_head,
			  struct response_head *r, struct http1_persistence *p, struct arena *a,
			  struct err *e) MUST_CHECK;

/* State of a body decoder. */
struct http1_body {
	enum http1_framing framing;
	unsigned char state; /* of the chunked coding */
	unsigned char digits;
	unsigned char trailers_count;
	uint16_t extra;	      /* bytes of chunk extensions and trailers so far */
	uint64_t left;	      /* bytes left of the body or the chunk */
	struct buf *trailers; /* receives the lines of the trailer section; NULL: discards them */
};

/* Limits of all chunk extensions and trailers of a body together, and of trailer lines. */
#define HTTP1_TRAILERS_MAX	 8192u
#define HTTP1_TRAILERS_COUNT_MAX 64u

void http1_body_init(struct http1_body *b, enum http1_framing framing, uint64_t length);

/*
 * Decodes up to len bytes in place: *consumed of them, of which the content is moved to
 * data[0 .. *produced). HTTP1_COMPLETE at the end of the body; never with HTTP1_FRAMING_CLOSE,
 * where the connection ends the body.
 */
enum http1_found http1_body_decode(struct http1_body *b, char *data, size_t len, size_t *consumed,
				   size_t *produced);

bool http1_body_is_well_formed(struct http1_body b, struct str data); /* as far as data reaches */
bool http1_body_is_done(const struct http1_body *b);

/* Returns the number of bytes of the body that need no decoding. http1_body_consume reports that
 * len of them were forwarded without decoding. */
uint64_t http1_body_bytes_left(const struct http1_body *b);
void http1_body_consume(struct http1_body *b, uint64_t len);

/* Whether the body may end with the connection at this point. */
bool http1_body_may_end(const struct http1_body *b);

/* Writers append to a bounded buffer. Check buf_is_ok once at the end. */
void http1_write_request_line(struct buf *out, struct str method, struct str target);
void http1_write_status_line(struct buf *out, unsigned status);
void http1_write_field(struct buf *out, struct str name, struct str value);
void http1_write_fields(struct buf *out, const struct headers *fields);
void http1_write_field_u64(struct buf *out, struct str name, uint64_t value);
void http1_write_upgrade(struct buf *out, struct str protocol); /* with Connection */
void http1_write_end(struct buf *out);

/* Writes the line before a chunk of len > 0 bytes. Returns its length. CRLF follows the chunk. */
#define HTTP1_CHUNK_LINE_MAX 18
size_t http1_chunk_line(uint64_t len, char out[HTTP1_CHUNK_LINE_MAX]);

/* Returns the reason phrase of a status; "" for unknown ones. */
const char *http1_reason(unsigned status);

#endif
