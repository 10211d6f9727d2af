/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Forwards bytes between two plain connections without copying them into this process (splice(2)).
 */
#ifndef PROXY_CONN_CONN_SPLICE_H
#define PROXY_CONN_CONN_SPLICE_H

#include "proxy/conn/conn_read.h"

/* Fewer bytes are not worth the system calls. */
#define CONN_SPLICE_MIN 65536u

bool conn_can_splice(const struct conn *from, const struct conn *to);

/*
 * Forwards up to max bytes. Results are those of conn_read, but *got may be 0 with CONN_READ_SOME
 * when the receiver became blocked or failed. What the receiver did not take is buffered there.
 */
enum conn_read_result conn_splice(struct conn *from, struct conn *to, uint64_t max, size_t *got,
				  struct err *e) MUST_CHECK;

#endif
