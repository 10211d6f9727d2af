/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Forwards bytes between two plain connections without copying them into this process (splice(2)).
 */
#ifndef PROXY_CONN_CONN_SPLICE_H
#define PROXY_CONN_CONN_SPLICE_H

#include "proxy/conn/conn_read.h"

/* Fewer bytes are not worth the system calls. */
#define CONN_SPLICE_MIN 65536u

/* Whether both connections are open and plain, and the receiver is not blocked. */
bool conn_can_splice(const struct conn *from, const struct conn *to);

/*
 * Forwards up to max bytes; *got is their number. Results are those of conn_read, but *got may be 0
 * with CONN_READ_SOME if the receiver became blocked or failed. Buffers in `to` what its socket did
 * not take.
 */
enum conn_read_result conn_splice(struct conn *from, struct conn *to, uint64_t max, size_t *got,
				  struct err *e) MUST_CHECK;

#endif
