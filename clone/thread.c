/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Starts threads with all signals blocked.
 */
#include "clone/thread.h"

#include <sched.h>
#include <signal.h>

bool
thread_start(pthread_t *thread, void *(*run)(void *), void *arg, struct err *e)
{
	sigset_t all;
	sigset_t before;
	int error;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	error = pthread_create(thread, NULL, run, arg);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return error == 0 || err_set_errno(e, error, "start a thread");
}

unsigned
thread_cores(void)
{
	cpu_set_t set;
	int count;

	CPU_ZERO(&set);
	if (sched_getaffinity(0, sizeof(set), &set) != 0)
		return 1;
	count = CPU_COUNT(&set);
	if (count < 1)
		return 1;
	return (unsigned)count > THREADS_MAX ? THREADS_MAX : (unsigned)count;
}
