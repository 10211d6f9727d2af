/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Process setup in the worker: reads the token, lowers priorities, ends with the parent.
 */
#include "clone/worker/worker_process.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "clone/child.h"

#define NICENESS 10
/* ioprio_set(2): best effort, lowest level; glibc has no constants for them. */
#define IOPRIO_WHO_PROCESS 1
#define IOPRIO_BE_LOWEST   ((2 << 13) | 7)

bool
worker_process_read_token(struct secret **token)
{
	char data[CHILD_TOKEN_MAX];
	size_t len = 0;
	ssize_t n = 1;

	while (n > 0 && len < sizeof(data)) {
		n = read(CHILD_TOKEN_FD, data + len, sizeof(data) - len);
		if (n < 0 && errno == EINTR)
			n = 1;
		else if (n > 0)
			len += (size_t)n;
	}
	*token = n == 0 && len > 0 ? secret_new(data, len) : NULL;
	secret_wipe(data, sizeof(data));
	close(CHILD_TOKEN_FD);
	return n == 0 && (len == 0 || *token != NULL);
}

/* Lowers both priorities, which threads inherit. A SCHED_IDLE thread yields the core at once to any
 * other; the share of the cgroup does not change. */
static void
lower_priority(void)
{
	const struct sched_param none = {.sched_priority = 0};

	/* The operator has chosen a policy for the sidecar. */
	if (sched_getscheduler(0) != SCHED_OTHER)
		return;
	(void)sched_setscheduler(0, SCHED_IDLE, &none);
	(void)setpriority(PRIO_PROCESS, 0, NICENESS);
}

void
worker_process_setup(void)
{
	(void)prctl(PR_SET_PDEATHSIG, SIGTERM);
	lower_priority();
	(void)syscall(SYS_ioprio_set, IOPRIO_WHO_PROCESS, 0, IOPRIO_BE_LOWEST);
	(void)fcntl(CHILD_PROGRESS_FD, F_SETFD, FD_CLOEXEC);
}
