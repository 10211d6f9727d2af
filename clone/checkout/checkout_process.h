/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Checks out in a child process, for a worker that fetches more afterwards, so that files are
 * never written by a process with network access.
 */
#ifndef CLONE_CHECKOUT_CHECKOUT_PROCESS_H
#define CLONE_CHECKOUT_CHECKOUT_PROCESS_H

#include "clone/git/git_steps.h"

/* Runs check_out in a child without network access and returns its result. Copies its counters,
 * notes and failure, and reports progress. This process must have no other threads. */
bool checkout_process_run(struct transfer *t, bool (*check_out)(struct transfer *t)) MUST_CHECK;

#endif
