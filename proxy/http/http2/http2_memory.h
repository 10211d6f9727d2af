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
 * Memory for nghttp2's table of streams, which is made for 256 of them and takes a page of memory
 * on each connection, from its first moment to its last. It is all zeros while there are no
 * streams, and so its page, which has nothing else, can be given back to the kernel, which makes
 * another one when it is written to. free() frees it. NULL: no memory.
 */
void *http2_table_new(void) MUST_CHECK;
size_t http2_table_size(void);

/* Gives the page back, if it has nothing but zeros. */
void http2_table_rest(void *table);

#endif
