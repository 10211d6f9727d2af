/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The memory of nghttp2: limited and counted per connection, wiped when freed, and cheap to get
 * again for the next request.
 */
#ifndef PROXY_HTTP_HTTP2_HTTP2_MEMORY_H
#define PROXY_HTTP_HTTP2_HTTP2_MEMORY_H

#include "proxy/http/http2/http2_private.h"

/* The allocator for h's session. It uses memory_bytes, memory_max, streams_table and is_new of h,
 * which has to live longer than the session. */
nghttp2_mem http2_memory(struct http2 *h);

/*
 * Allocates nghttp2's table of streams: it has 256 entries and occupies one page for the lifetime
 * of each connection. Without streams it is all zeros, so its page, which contains nothing else,
 * can be released to the kernel; the next write faults in a zeroed one. Release it with free().
 * NULL: out of memory.
 */
void *http2_table_new(void) MUST_CHECK;
size_t http2_table_size(void);

/* Gives the page back, if it has nothing but zeros. */
void http2_table_trim(void *table);

#endif
