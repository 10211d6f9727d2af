/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Checks out in a child process, for a worker that fetches more afterwards, so that files are
 * never written by a process with network access.
 */
#ifndef CLONE_CHECKOUT_CHECKOUT_PROCESS_H
#define CLONE_CHECKOUT_CHECKOUT_PROCESS_H

#include "clone/git/git_steps.h"

/* Runs check_out in a child that has left the network. Takes over its counters, notes and failure,
 * reports progress meanwhile, and returns what it returned. Without threads of this process. */
bool checkout_process_run(struct transfer *t, bool (*check_out)(struct transfer *t)) MUST_CHECK;

#endif
