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

#endif
