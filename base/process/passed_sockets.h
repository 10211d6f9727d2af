/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Listening sockets that a service manager passes at start (sd_listen_fds(3)): they outlive this
 * process, so that connections wait in the kernel while one process replaces another.
 */
#ifndef BASE_PROCESS_PASSED_SOCKETS_H
#define BASE_PROCESS_PASSED_SOCKETS_H

#include <stddef.h>

#include "base/err.h"

#define PASSED_SOCKETS_MAX	8u
#define PASSED_SOCKETS_NAME_MAX 31u

struct passed_sockets {
	struct passed_socket {
		char name[PASSED_SOCKETS_NAME_MAX + 1];
		int fd; /* -1: taken */
	} items[PASSED_SOCKETS_MAX];
	size_t count;
};

/*
 * Reads and removes LISTEN_PID, LISTEN_FDS and LISTEN_FDNAMES of the environment. No sockets if
 * they are missing or meant for another process. ERR_CONFIG: not a number, too many, a missing or
 * repeated name, or a descriptor that is no listening stream socket.
 */
bool passed_sockets_receive(struct passed_sockets *p, struct err *e) MUST_CHECK;

/* As passed_sockets_receive, from the texts of these variables. The descriptors start at
 * first_fd. */
bool passed_sockets_parse(struct passed_sockets *p, const char *fds, const char *names,
			  int first_fd, struct err *e) MUST_CHECK;

/* Returns the socket of this name, which the caller then owns; -1: there is none. */
int passed_sockets_take(struct passed_sockets *p, const char *name);

/* Whether all sockets were taken. ERR_CONFIG names one that was not. */
bool passed_sockets_are_taken(const struct passed_sockets *p, struct err *e) MUST_CHECK;

/* Closes the sockets that were not taken. */
void passed_sockets_fini(struct passed_sockets *p);

#endif
