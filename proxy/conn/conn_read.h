/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What arrives on a connection: read into the caller's memory, moved on to another connection
 * without a copy, or only looked for.
 */
#ifndef PROXY_CONN_CONN_READ_H
#define PROXY_CONN_CONN_READ_H

#include "proxy/conn/conn.h"

enum conn_read_result { CONN_READ_SOME, CONN_READ_AGAIN, CONN_READ_END, CONN_READ_FAILED };

/*
 * Reads up to size bytes. CONN_READ_END is the peer's orderly end; a TLS stream that is cut without
 * close_notify is CONN_READ_FAILED. After CONN_READ_FAILED on_failed is not called: e says why.
 */
enum conn_read_result conn_read(struct conn *c, char *data, size_t size, size_t *got,
				struct err *e) MUST_CHECK;

/* What was read can't leave: half as much at a time from now on, slowly more again; and the start
 * of something new. */
#define CONN_READ_LEAST	 49152u		    /* three records of TLS */
#define CONN_READ_ENOUGH LOOP_SCRATCH_BYTES /* for one wake-up, for fairness among connections */
void conn_read_less(struct conn *c);
void conn_read_more(struct conn *c, size_t got); /* after reading all that it may */
void conn_read_freely(struct conn *c);

/*
 * Moves up to max bytes that arrive on one plain connection to another one, without a copy. As
 * conn_read, but *got may be 0 with CONN_READ_SOME when the receiver became blocked or failed.
 */
#define CONN_MOVE_MIN 65536u /* less is not worth the calls */
bool conn_can_splice(const struct conn *from, const struct conn *to);
enum conn_read_result conn_splice(struct conn *from, struct conn *to, uint64_t max, size_t *got,
				  struct err *e) MUST_CHECK;

/* Whether the peer ended its side, or all of the connection, though nobody reads up to there. */
enum conn_end { CONN_END_NONE, CONN_END_PEER, CONN_END_BOTH };
enum conn_end conn_find_end(const struct conn *c);

/* Whether bytes wait to be read, in the kernel or in TLS. */
bool conn_has_arrived(const struct conn *c);

#endif
