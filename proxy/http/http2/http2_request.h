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
	/* Beyond it 431, unless may_be_large allows more. */
	size_t head_max_bytes;
	/* Beyond it the connection ends. */
	size_t large_head_max_bytes;
	/* Cookie fields, which browsers split, are only bounded by their bytes. */
	size_t headers_max;
	/* Of method, target and version as HTTP/1.1 writes them: beyond it 414. */
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

/* The fields of one header block, while it is received. All zero: none. */
struct http2_fields {
	const struct http2_request_limits *limits;
	struct arena arena;
	struct str pseudo[HTTP2_PSEUDOS];
	struct http2_name_value *items;
	size_t count;
	size_t size;
	struct buf cookies; /* joined */
	size_t bytes;	    /* as SETTINGS_MAX_HEADER_LIST_SIZE counts */
	bool may_be_large;  /* set by the owner when head_max_bytes is passed */
	unsigned status;    /* that rejects the request; 0: none so far */
	/* Why the block is malformed; NULL: it is not. */
	const char *malformed;
};

void http2_fields_begin(struct http2_fields *f, const struct http2_request_limits *limits);
void http2_fields_fini(struct http2_fields *f);

/* Whether the next field passes head_max_bytes, so that may_be_large has to be known. */
bool http2_fields_become_large(const struct http2_fields *f, struct str name, struct str value);

/* False: more than large_head_max_bytes. */
bool http2_fields_add(struct http2_fields *f, struct str name, struct str value) MUST_CHECK;

enum http2_verdict {
	HTTP2_ACCEPTED,
	HTTP2_REJECTED,	 /* *status is that of the response */
	HTTP2_MALFORMED, /* a stream error (RFC 9113 section 8.1.1) */
};

/*
 * At the end of the block. has_ended: the block ended the stream. takes_websockets: Extended
 * CONNECT (RFC 8441) becomes a GET with a key of ours. *arena, which owns what r refers to, is the
 * caller's but for HTTP2_MALFORMED; a request that is rejected may lack some of its parts. The
 * fields are empty afterwards.
 */
enum http2_verdict http2_request_parse(struct http2_fields *f, bool has_ended,
				       bool takes_websockets, struct request_head *r,
				       struct arena *arena, unsigned *status,
				       struct err *e) MUST_CHECK;

#endif
