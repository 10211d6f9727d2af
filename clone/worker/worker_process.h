/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Setup of the worker process before it clones: termination with the parent, priorities, token.
 */
#ifndef CLONE_WORKER_WORKER_PROCESS_H
#define CLONE_WORKER_WORKER_PROCESS_H

#include "base/err.h"
#include "base/secret.h"

/* Makes the worker end with its parent, and lowers its priority below the IDE's unless the sidecar
 * was started with a non-default scheduling policy. */
void worker_process_setup(void);

/* Reads the token until end of file. An empty token is no error. */
bool worker_process_read_token(struct secret **token) MUST_CHECK;

#endif
