/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Starting threads that take no signals: those are for the worker's own thread, which waits for the
 * network.
 */
#ifndef CLONE_THREAD_H
#define CLONE_THREAD_H

#include <pthread.h>

#include "base/err.h"

#define THREADS_MAX 64u

bool thread_start(pthread_t *thread, void *(*run)(void *), void *arg, struct err *e) MUST_CHECK;

/* Cores that this process may use, at least 1, at most THREADS_MAX. */
unsigned thread_cores(void);

#endif
