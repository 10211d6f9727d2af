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

/* Initializes a full bucket. */
void http2_bucket_init(struct http2_bucket *b, uint32_t burst, uint32_t per_s, uint64_t now_ms);

/* Enlarges the bucket, and adds the difference as tokens. */
void http2_bucket_widen(struct http2_bucket *b, uint32_t burst, uint32_t per_s);

/* Takes a token. False if the bucket is empty. */
bool http2_bucket_take(struct http2_bucket *b, uint64_t now_ms);

/* Adds tokens for useful work of the peer. */
void http2_bucket_give(struct http2_bucket *b, uint32_t tokens);

#endif
