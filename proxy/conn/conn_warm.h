/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Busy TLS connections keep OpenSSL's record buffers. All others free them after each read and
 * write. Allocating and wiping them again costs some percent of the CPU time of a small request.
 *
 * A connection is busy after more than WARM_READS reads within a quarter of a second, until
 * nothing has arrived for a quarter to half a second. At most WARM_MAX of a thread's connections
 * keep their buffers, about 34 KiB each.
 */
#ifndef PROXY_CONN_CONN_WARM_H
#define PROXY_CONN_CONN_WARM_H

#include <stdint.h>

#include "base/list.h"

#define WARM_READS 8
#define WARM_MAX   64

struct conn;

struct conn_warm {
	LIST_ENTRY(conn) entry; /* linked while the connection keeps its buffers */
	uint64_t period;	/* quarter second of the last read, as a number */
	unsigned reads;		/* in that quarter second, counted up to WARM_READS */
};

/* Counts a read that returned bytes, of a conn with TLS. */
void conn_warm_note_read(struct conn *c);

/* Must be called before the conn's TLS session is freed. */
void conn_warm_forget(struct conn *c);

#endif
