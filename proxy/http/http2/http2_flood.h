/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Limits useless work that a peer causes on one HTTP/2 connection, such as rapid reset: token
 * buckets for streams that either side resets before their response is complete, and for frames
 * without content.
 */
#ifndef PROXY_HTTP_HTTP2_HTTP2_FLOOD_H
#define PROXY_HTTP_HTTP2_HTTP2_FLOOD_H

#include <stdbool.h>
#include <stdint.h>

struct http2_bucket {
	uint64_t tokens; /* thousandths */
	uint64_t filled_ms;
	uint32_t burst;
	uint32_t per_s;
};

/* Full. */
void http2_bucket_init(struct http2_bucket *b, uint32_t burst, uint32_t per_s, uint64_t now_ms);

/* A larger bucket from now on, with the difference as tokens. */
void http2_bucket_widen(struct http2_bucket *b, uint32_t burst, uint32_t per_s);

/* False: empty. */
bool http2_bucket_take(struct http2_bucket *b, uint64_t now_ms);

/* Useful work pays for some of the other kind. */
void http2_bucket_give(struct http2_bucket *b, uint32_t tokens);

#endif
