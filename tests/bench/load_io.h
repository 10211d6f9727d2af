/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sockets of the load generator: plain or TLS, non-blocking, told apart nowhere else. Handshakes
 * happen within the first reads and writes. Sessions are resumed where that is asked for.
 */
#ifndef TESTS_BENCH_LOAD_IO_H
#define TESTS_BENCH_LOAD_IO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct io;

struct io_options {
	uint16_t port; /* on 127.0.0.1 */
	char *name;    /* of the server, for TLS; NULL: plain */
	bool resumes;  /* offers the last session that a server gave */
};

/* Once, before any io_open. False says why on stderr. */
bool io_setup(const struct io_options *options);

/* Connected, or NULL. */
struct io *io_open(void);
void io_close(struct io *io);
int io_descriptor(const struct io *io);
bool io_was_resumed(const struct io *io);

#define IO_AGAIN (-1) /* not before the socket is ready again */
#define IO_END	 (-2) /* closed or failed */

ssize_t io_read(struct io *io, char *data, size_t size);
ssize_t io_write(struct io *io, const char *data, size_t len);

/* As io_read, without looking at the bytes: a plain socket need not copy them. */
ssize_t io_drop(struct io *io, size_t max);

#endif
