/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reaps child processes that this program has not started. Process 1 of a container inherits every
 * process whose parent has ended; a zombie that is not reaped keeps its process id.
 *
 * Children that this program has started are left to the module that started them, because it
 * needs their exit status.
 */
#ifndef BASE_PROCESS_ORPHANS_H
#define BASE_PROCESS_ORPHANS_H

#include <sys/types.h>

#include "base/net/loop.h"

/* Whether a module has started pid and reaps it itself. */
typedef bool orphans_is_ours_fn(pid_t pid, void *arg);

struct orphans {
	struct loop_signal signal;
	struct loop_timer again;
	orphans_is_ours_fn *is_ours;
	void *arg;
	uint64_t reaped; /* reaped so far */
};

bool orphans_start(struct orphans *o, struct loop *l, orphans_is_ours_fn *is_ours, void *arg,
		   struct err *e) MUST_CHECK;
void orphans_fini(struct orphans *o); /* fine if it was never started and all is zero */

#endif
