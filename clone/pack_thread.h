/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Starting threads that take no signals: those are for the worker's own thread, which waits for the
 * network.
 */
#ifndef CLONE_PACK_THREAD_H
#define CLONE_PACK_THREAD_H

#include <pthread.h>

#include "base/err.h"

#define PACK_THREADS_MAX 64u

bool pack_thread_start(pthread_t *thread, void *(*run)(void *), void *arg,
		       struct err *e) MUST_CHECK;

/* Cores that this process may use, at least 1, at most PACK_THREADS_MAX. */
unsigned pack_thread_cores(void);

#endif
