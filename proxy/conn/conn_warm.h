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
	LIST_ENTRY(conn) entry; /* linked while its buffers stay */
	uint64_t period;	/* the quarter second of the last read */
	unsigned reads;		/* within it, at most WARM_READS */
};

/* After a read that brought bytes, of a conn with TLS. */
void conn_warm_note_read(struct conn *c);

/* Before the conn's session is freed; it need not be warm. */
void conn_warm_forget(struct conn *c);

#endif
