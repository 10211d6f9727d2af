/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Receiving from a conn: reads into the caller's memory, with an adaptive read size; forwards bytes
 * between two plain connections without copying them into this process (splice(2)); and tests for
 * pending bytes and for the peer's end without reading.
 */
#ifndef PROXY_CONN_CONN_READ_H
#define PROXY_CONN_CONN_READ_H

#include "proxy/conn/conn.h"

enum conn_read_result { CONN_READ_SOME, CONN_READ_AGAIN, CONN_READ_END, CONN_READ_FAILED };

/*
 * Reads up to size bytes into data; *got is their number. CONN_READ_END is an orderly end; a TLS
 * stream that ends without close_notify is CONN_READ_FAILED, with the reason in e. on_failed is not
 * called then.
 */
enum conn_read_result conn_read(struct conn *c, char *data, size_t size, size_t *got,
				struct err *e) MUST_CHECK;

/* The smallest read size: three TLS records. */
#define CONN_READ_MIN 49152u

/* Bytes to read per event, for fairness among connections. */
#define CONN_READ_ROUND LOOP_SCRATCH_BYTES

/* Halve the read size, because the receiver is blocked; reset it, for a new message. It grows a
 * little after each read that uses all of it. */
void conn_read_shrink(struct conn *c);
void conn_read_reset(struct conn *c);

/* Whether the peer has shut down its sending side, or the whole connection. Reading would find this
 * only after all pending bytes. */
enum conn_end { CONN_END_NONE, CONN_END_PEER, CONN_END_BOTH };
enum conn_end conn_find_end(const struct conn *c);

/* Whether the connection is open, and neither bytes, an end nor an error are pending: now, by a
 * system call; or as of the event loop's last wait, without one. */
bool conn_is_quiet(const struct conn *c);
bool conn_was_quiet(const struct conn *c);

/* Whether bytes are pending, in the kernel or in TLS. */
bool conn_has_arrived(const struct conn *c);

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
