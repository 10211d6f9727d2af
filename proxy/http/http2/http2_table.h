/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory for nghttp2's table of streams, which is made for 256 of them and takes a page of memory
 * on each connection, from its first moment to its last. It is all zeros while there are no
 * streams, and so its page can be given back to the kernel, which makes another one when it is
 * written to.
 */
#ifndef PROXY_HTTP_HTTP2_HTTP2_TABLE_H
#define PROXY_HTTP_HTTP2_HTTP2_TABLE_H

#include <stdbool.h>
#include <stddef.h>

/* Of a table that http2_table_new makes. */
size_t http2_table_size(void);

/* Zeroed; free() frees it. NULL: no memory. */
void *http2_table_new(void);

/* Gives the page back, if it has nothing but zeros. */
void http2_table_rest(void *table);

#endif
