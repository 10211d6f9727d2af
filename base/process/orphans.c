/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reaps zombies on SIGCHLD. The signal does not say which children ended, so each time the kernel
 * is asked until there are no more, at most BATCH times. The kernel reports them in a fixed order,
 * so those after a child of our own wait until its owner has reaped it.
 */
#include "base/process/orphans.h"

#include <errno.h>
#include <signal.h>
#include <sys/wait.h>

#include "base/log/log.h"

#define BATCH	      64u
#define OURS_DELAY_MS 100u

/* Returns a child that has exited and was not reaped, or 0. */
static pid_t
next_ended(void)
{
	siginfo_t info = {.si_pid = 0};
	int result;

	do
		result = waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT);
	while (result < 0 && errno == EINTR);
	return result < 0 ? 0 : info.si_pid;
}

static void
collect(void *arg)
{
	struct orphans *o = arg;
	pid_t pid;

	for (unsigned i = 0; i < BATCH; i++) {
		pid = next_ended();
		if (pid == 0)
			return;
		if (o->is_ours(pid, o->arg)) {
			loop_timer_start(&o->again, OURS_DELAY_MS);
			return;
		}
		if (waitpid(pid, NULL, WNOHANG) == pid)
			o->reaped++;
		log_debug(NULL, "orphaned process reaped", log_int("pid", pid));
	}
	loop_timer_start(&o->again, 0);
}

static void
on_child_ended(void *arg, int signal_number)
{
	(void)signal_number;
	collect(arg);
}

bool
orphans_start(struct orphans *o, struct loop *l, orphans_is_ours_fn *is_ours, void *arg,
	      struct err *e)
{
	*o = (struct orphans){.is_ours = is_ours, .arg = arg};
	loop_timer_init(&o->again, l, collect, o);
	if (!loop_signal_init(&o->signal, l, SIGCHLD, on_child_ended, o, e))
		return false;
	/* Reaps children that exited before. */
	loop_timer_start(&o->again, 0);
	return true;
}

void
orphans_fini(struct orphans *o)
{
	loop_signal_fini(&o->signal);
	loop_timer_fini(&o->again);
}
