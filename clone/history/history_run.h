/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the worker does once its clone is there and the IDE is open: receives the history that
 * CLONE_DEPTH left out, with as many attempts as the clone has. Failing is a warning.
 */
#ifndef CLONE_HISTORY_HISTORY_RUN_H
#define CLONE_HISTORY_HISTORY_RUN_H

#include "clone/clone.h"

struct history_run {
	const struct clone_settings *settings;
	const struct secret *token;
	int cancel_fd;			 /* readable: give up */
	struct clone_progress *progress; /* its history is kept current */
	bool (*on_change)(void *arg);	 /* tells that; false: stop */
	void *arg;
};

/* In a clone in `tree` that is about to be done: where the settings ask for it, says that history
 * is to come. */
void history_run_announce(const struct clone_settings *settings, const char *tree);

/* Whether CLONE_UNSHALLOW asks for it, and the repository at CLONE_DIR lacks it. */
bool history_run_is_due(const struct clone_settings *settings);

void history_run(const struct history_run *r);

#endif
