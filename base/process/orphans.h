/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Collects children that nobody here has started. Process 1 of a container inherits every process
 * whose parent ended, and one that nobody collects stays as a zombie and takes a process id.
 *
 * Children of our own are left to whoever started them: how they ended must not get lost.
 */
#ifndef BASE_PROCESS_ORPHANS_H
#define BASE_PROCESS_ORPHANS_H

#include <sys/types.h>

#include "base/net/loop.h"

/* Whether somebody here has started pid and is going to collect it. */
typedef bool orphans_is_ours_fn(pid_t pid, void *arg);

struct orphans {
	struct loop_signal signal;
	struct loop_timer again;
	orphans_is_ours_fn *is_ours;
	void *arg;
	uint64_t collected; /* so far */
};

bool orphans_start(struct orphans *o, struct loop *l, orphans_is_ours_fn *is_ours, void *arg,
		   struct err *e) MUST_CHECK;
void orphans_fini(struct orphans *o); /* fine without a start, when all is zero */

#endif
