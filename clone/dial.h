/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One blocking TCP connection with what libgit2's own lacks: a deadline to connect, a limit on
 * silence, and an end when the worker is told to stop. Knows nothing of TLS or git.
 */
#ifndef CLONE_DIAL_H
#define CLONE_DIAL_H

#include <sys/types.h>

#include "clone/failure.h"

struct dial_options {
	const char *host;
	uint16_t port;
	uint64_t connect_timeout_ms; /* all addresses together; name resolution is not in it */
	uint64_t silence_timeout_ms; /* no byte moves for this long */
	int cancel_fd;		     /* readable: give up */
};

/* A connected descriptor, or -1: CLONE_PROBLEM_UNREACHABLE. */
int dial_connect(const struct dial_options *o, struct clone_failure *f);

/* Bytes moved, 0 at the end of what is read, -1 on failure: unreachable, stalled. */
ssize_t dial_read(const struct dial_options *o, int fd, void *data, size_t size,
		  struct clone_failure *f);
ssize_t dial_write(const struct dial_options *o, int fd, const void *data, size_t len,
		   struct clone_failure *f);

#endif
