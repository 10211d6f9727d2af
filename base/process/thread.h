/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Threads with all signals blocked: signals go to the main thread, which waits for the network.
 */
#ifndef BASE_PROCESS_THREAD_H
#define BASE_PROCESS_THREAD_H

#include <pthread.h>

#include "base/err.h"

#define THREADS_MAX 64u

bool thread_start(pthread_t *thread, void *(*run)(void *), void *arg, struct err *e) MUST_CHECK;

/* As thread_start, with a stack of this size. */
bool thread_start_small(pthread_t *thread, size_t stack_bytes, void *(*run)(void *),
			void *arg) MUST_CHECK;

/* Initializes a condition variable for thread_wait. */
void thread_condition_init(pthread_cond_t *condition);

/* Waits with the lock held, at most timeout_ms. False: timed out. */
bool thread_wait(pthread_cond_t *condition, pthread_mutex_t *lock, unsigned timeout_ms);

/* Whether there are no more threads than before main. Also true if there is no /proc. */
bool thread_is_only(void);

/* Returns the number of cores that this process may use, between 1 and THREADS_MAX. */
unsigned thread_cores(void);

#endif
