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
 * Reads LISTEN_PID, LISTEN_FDS and LISTEN_FDNAMES and removes them from the environment. Without
 * them, or where they are for another process, there are no sockets. ERR_CONFIG: a number that is
 * none, too many, a name that is missing or stands there twice, a descriptor that is no listening
 * stream socket.
 */
bool passed_sockets_receive(struct passed_sockets *p, struct err *e) MUST_CHECK;

/* The same for texts as in these variables; the descriptors begin at first_fd. */
bool passed_sockets_parse(struct passed_sockets *p, const char *fds, const char *names,
			  int first_fd, struct err *e) MUST_CHECK;

/* Gives the socket of this name to the caller; -1 where there is none. */
int passed_sockets_take(struct passed_sockets *p, const char *name);

/* Whether each was taken. ERR_CONFIG names one that was not. */
bool passed_sockets_are_taken(const struct passed_sockets *p, struct err *e) MUST_CHECK;

/* Closes those that were not taken. */
void passed_sockets_fini(struct passed_sockets *p);

#endif
