/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The worker process: starting it, passing the token, ending it. Its environment contains the
 * clone's settings and no secret; its descriptors are /dev/null, /dev/null, our standard error, the
 * token pipe and the progress pipe.
 */
#ifndef CLONE_CHILD_H
#define CLONE_CHILD_H

#include <sys/types.h>

#include "clone/clone.h"

enum { CHILD_TOKEN_FD = 3, CHILD_PROGRESS_FD = 4 };

/* Smaller than any pipe's capacity, so that writing the token never blocks. */
#define CHILD_TOKEN_MAX 4096u

struct child {
	pid_t pid;	 /* 0: none */
	int pidfd;	 /* readable when it has ended; -1: not supported by the kernel */
	int progress_fd; /* our end, non-blocking */
};

/* With the token of the settings the worker waits for its target: "--wait", see clone_run. */
bool child_spawn(struct child *c, const char *program, const struct clone_settings *settings,
		 const struct secret *token, struct err *e) MUST_CHECK;

/* Reaps the worker if it has ended: *status as from waitpid. */
bool child_reap(struct child *c, int *status) MUST_CHECK;

void child_signal(const struct child *c, int number); /* to its process group */

/* Terminates the worker: SIGTERM, then SIGKILL after grace_ms. Does nothing without a worker. */
void child_terminate(struct child *c, uint64_t grace_ms);

/* Closes the descriptors. */
void child_fini(struct child *c);

#endif
