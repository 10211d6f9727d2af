/* SPDX-License-Identifier: Apache-2.0 */
/*
 * HTTP/1.1 as a codec (RFC 9112), strict in both directions, without sockets: bytes in, messages
 * out, and back.
 *
 * A head is scanned for its end as it arrives and parsed once it is whole, so that what is
 * understood can't depend on how the bytes arrived. Bodies are decoded in place. What we send is
 * written anew from what was understood.
 */
#ifndef PROXY_HTTP_HTTP1_H
#define PROXY_HTTP_HTTP1_H

#include "proxy/http/message.h"

struct http1_limits {
	size_t head_max_bytes; /* start line and fields together: 431, or 414 while still in the
				  request line */
	size_t headers_max;    /* fields */
	size_t line_max_bytes; /* request line without its end: 414; 0: as the head */
};

/* Finds the end of a head; survives between calls, as bytes are added behind. */
struct http1_scan {
	size_t at; /* bytes looked at */
	size_t line_start;
	size_t lines; /* complete lines, the start line included */
};

enum http1_found { HTTP1_MORE, HTTP1_WHOLE, HTTP1_BAD };

/*
 * data holds all bytes since the start of the head. HTTP1_WHOLE: the head is the first scan->at
 * bytes, with the empty line. HTTP1_BAD: *status is the answer (400, 414, 431).
 */
enum http1_found http1_scan_head(struct http1_scan *scan, struct str data,
				 const struct http1_limits *limits, unsigned *status);

/* How the bytes of a body are framed on a connection. */
enum http1_framing {
	HTTP1_FRAMING_NONE,
	HTTP1_FRAMING_LENGTH,
	HTTP1_FRAMING_CHUNKED,
	HTTP1_FRAMING_CLOSE
};

/* What concerns the connection rather than the message. */
struct http1_persistence {
	bool is_http10;
	bool keep_alive;
	enum http1_framing framing;
};

/*
 * Parses a whole request head, which must stay in memory with r. On failure *status is the answer:
 * 400, 500 (no memory), 501 (CONNECT), 505; e says what was wrong.
 */
bool http1_parse_request(struct str head, const struct http1_scan *scan, struct request_head *r,
			 struct http1_persistence *p, struct arena *a, unsigned *status,
			 struct err *e) MUST_CHECK;

/*
 * Parses a whole response head, to a request that was HEAD or not. ERR_PROTOCOL says what was
 * wrong. 1xx are responses as well: the caller goes on to the next head.
 */
bool http1_parse_response(struct str head, const struct http1_scan *scan, bool to_head,
			  struct response_head *r, struct http1_persistence *p, struct arena *a,
			  struct err *e) MUST_CHECK;

/* Decoder for the bytes after a head. */
struct http1_body {
	enum http1_framing framing;
	unsigned char state; /* of the chunked coding */
	unsigned char digits;
	uint16_t extra; /* bytes of extensions and trailers so far */
	uint64_t left;	/* of the body or the chunk */
};

#define HTTP1_TRAILERS_MAX 8192u

void http1_body_init(struct http1_body *b, enum http1_framing framing, uint64_t length);

/*
 * Decodes len bytes in place: the body's bytes are left at data[0 .. *produced), *consumed bytes
 * were used. HTTP1_WHOLE when the body has ended. HTTP1_FRAMING_CLOSE never ends by itself.
 */
enum http1_found http1_body_decode(struct http1_body *b, char *data, size_t len, size_t *consumed,
				   size_t *produced);
bool http1_body_is_done(const struct http1_body *b);

/* How many bytes of the body follow as they are, and that some of them went past the decoder. */
uint64_t http1_body_plain(const struct http1_body *b);
void http1_body_pass(struct http1_body *b, uint64_t len);

/* Whether the connection may simply end here (HTTP1_FRAMING_CLOSE, or done). */
bool http1_body_may_end(const struct http1_body *b);

/* Writers append to a bounded buffer; check buf_is_ok once at the end. */
void http1_write_request_line(struct buf *out, struct str method, struct str target);
void http1_write_status_line(struct buf *out, unsigned status);
void http1_write_field(struct buf *out, struct str name, struct str value);
void http1_write_field_u64(struct buf *out, struct str name, uint64_t value);
void http1_write_end(struct buf *out);

/* The line before a chunk of len > 0 bytes, into out; returns its length. CRLF follows the chunk.
 */
#define HTTP1_CHUNK_LINE_MAX 18
size_t http1_chunk_line(uint64_t len, char out[HTTP1_CHUNK_LINE_MAX]);

const char *http1_reason(unsigned status);

#endif
