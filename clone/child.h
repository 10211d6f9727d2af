/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The worker as a process: how it is started, what it holds, how it is ended. Its environment has
 * the clone's settings and nothing secret; its descriptors are null, null, our standard error, the
 * token and the progress.
 */
#ifndef CLONE_CHILD_H
#define CLONE_CHILD_H

#include <sys/types.h>

#include "clone/clone.h"

enum { CHILD_TOKEN_FD = 3, CHILD_PROGRESS_FD = 4 };

/* The token must fit into any pipe at once, so that writing it never waits. */
#define CHILD_TOKEN_MAX 4096u

struct child {
	pid_t pid;	 /* 0: none */
	int pidfd;	 /* readable once it has ended; -1 where the kernel has none */
	int progress_fd; /* our end, non-blocking */
};

bool child_spawn(struct child *c, const char *program, const struct clone_settings *settings,
		 const struct secret *token, struct err *e) MUST_CHECK;

/* Collects it if it has ended: *status as waitpid gives it. */
bool child_collect(struct child *c, int *status) MUST_CHECK;

void child_signal(const struct child *c, int number); /* to its whole group */

/* Ends it, waiting at most about grace_ms before it is killed. Nothing happens without a child. */
void child_end(struct child *c, uint64_t grace_ms);

/* Closes the descriptors. */
void child_fini(struct child *c);

/* In the worker itself (child_side.c). Ends with the parent, stays out of the way of the IDE. */
void child_settle(void);

/* Reads to the end: the parent closes its side at once. No token at all is fine. */
bool child_read_token(struct secret **token) MUST_CHECK;

#endif
