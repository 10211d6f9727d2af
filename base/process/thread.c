/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Starts threads with all signals blocked.
 */
#include "base/process/thread.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <sys/stat.h>
#include <time.h>

static int
create(pthread_t *thread, const pthread_attr_t *attributes, void *(*run)(void *), void *arg)
{
	sigset_t all;
	sigset_t before;
	int error;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	error = pthread_create(thread, attributes, run, arg);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return error;
}

bool
thread_start(pthread_t *thread, void *(*run)(void *), void *arg, struct err *e)
{
	int error = create(thread, NULL, run, arg);

	return error == 0 || err_set_errno(e, error, "start a thread");
}

bool
thread_start_small(pthread_t *thread, size_t stack_bytes, void *(*run)(void *), void *arg)
{
	pthread_attr_t attributes;
	bool ok;

	if (pthread_attr_init(&attributes) != 0)
		return false;
	(void)pthread_attr_setstacksize(&attributes, stack_bytes);
	ok = create(thread, &attributes, run, arg) == 0;
	(void)pthread_attr_destroy(&attributes);
	return ok;
}

void
thread_condition_init(pthread_cond_t *condition)
{
	pthread_condattr_t monotonic;

	pthread_condattr_init(&monotonic);
	pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	pthread_cond_init(condition, &monotonic);
	pthread_condattr_destroy(&monotonic);
}

bool
thread_wait(pthread_cond_t *condition, pthread_mutex_t *lock, unsigned timeout_ms)
{
	struct timespec until;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_nsec += (long)timeout_ms * 1000000L;
	until.tv_sec += until.tv_nsec / 1000000000L;
	until.tv_nsec %= 1000000000L;
	return pthread_cond_timedwait(condition, lock, &until) != ETIMEDOUT;
}

static nlink_t links_at_start;

/* A directory has two links, and one for each directory in it: here for each thread. 0: unknown. */
static nlink_t
links_of_threads(void)
{
	struct stat st;

	return stat("/proc/self/task", &st) == 0 ? st.st_nlink : 0;
}

/* Runs before main. Emulators of processors have threads by then. */
__attribute__((constructor)) static void
note_links_at_start(void)
{
	links_at_start = links_of_threads();
}

bool
thread_is_only(void)
{
	return links_of_threads() <= links_at_start;
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
