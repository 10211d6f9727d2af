/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Turns the fields of an HTTP/2 request (RFC 9113 section 8) into the same request_head as
 * HTTP/1.1. Every field is counted before it is copied, so that compressed header blocks can't
 * cost more memory than the limits say.
 */
#ifndef PROXY_HTTP_HTTP2_HTTP2_REQUEST_H
#define PROXY_HTTP_HTTP2_HTTP2_REQUEST_H

#include "proxy/http/message.h"

/* What SETTINGS_MAX_HEADER_LIST_SIZE counts for each field beside its bytes. */
#define HTTP2_FIELD_OVERHEAD 32u

struct http2_request_limits {
	/* Larger: 431, unless may_be_large is set. */
	size_t head_max_bytes;
	/* Larger: ends the connection. */
	size_t large_head_max_bytes;
	/* Number of fields. Cookie fields, which browsers split, do not count. */
	size_t headers_max;
	/* Length of the request line that HTTP/1.1 would have; longer: 414. */
	size_t line_max_bytes;
};

enum http2_pseudo {
	HTTP2_METHOD,
	HTTP2_SCHEME,
	HTTP2_AUTHORITY,
	HTTP2_PATH,
	HTTP2_PROTOCOL,
	HTTP2_PSEUDOS,
};

struct http2_name_value;

/* The fields of a header block that is being received. All zero: none. */
struct http2_fields {
	const struct http2_request_limits *limits;
	struct arena arena;
	struct str pseudo[HTTP2_PSEUDOS];
	struct http2_name_value *items;
	size_t count;
	size_t size;
	struct buf cookies; /* joined */
	size_t bytes;	    /* as SETTINGS_MAX_HEADER_LIST_SIZE counts */
	bool may_be_large;  /* set by the owner when head_max_bytes is exceeded */
	unsigned status;    /* with which to reject the request; 0: none so far */
	/* Why the block is malformed, or NULL. */
	const char *malformed;
};

void http2_fields_begin(struct http2_fields *f, const struct http2_request_limits *limits);
void http2_fields_fini(struct http2_fields *f);

/* Whether the next field exceeds head_max_bytes, so that may_be_large has to be set first. */
bool http2_fields_become_large(const struct http2_fields *f, struct str name, struct str value);

/* Adds a field. False if the head exceeds large_head_max_bytes. */
bool http2_fields_add(struct http2_fields *f, struct str name, struct str value) MUST_CHECK;

enum http2_verdict {
	HTTP2_ACCEPTED,
	HTTP2_REJECTED,	 /* respond with *status */
	HTTP2_MALFORMED, /* a stream error (RFC 9113 section 8.1.1) */
};

/*
 * Makes a request of a complete header block, and empties the fields. has_ended: the block ended
 * the stream. takes_websockets: turns Extended CONNECT (RFC 8441) into a GET with a key of our own.
 * The caller frees *arena, which owns the strings of r, except after HTTP2_MALFORMED. A rejected
 * request may be incomplete.
 */
enum http2_verdict http2_request_parse(struct http2_fields *f, bool has_ended,
				       bool takes_websockets, struct request_head *r,
				       struct arena *arena, unsigned *status,
				       struct err *e) MUST_CHECK;

#endif
