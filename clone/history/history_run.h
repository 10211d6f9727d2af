/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fetches the history that CLONE_DEPTH left out, after the clone is done and the IDE is open, with
 * as many retries as the clone. A failure is logged as a warning.
 */
#ifndef CLONE_HISTORY_HISTORY_RUN_H
#define CLONE_HISTORY_HISTORY_RUN_H

#include "clone/clone.h"

struct history_run {
	const struct clone_settings *settings;
	const struct secret *token;
	int cancel_fd;			 /* readable: cancel */
	struct clone_progress *progress; /* its history field is updated */
	bool (*on_change)(void *arg);	 /* called after updates; false: stop */
	void *arg;
};

/* Marks the finished clone in `tree` as waiting for its history, if the settings ask for it. */
void history_run_announce(const struct clone_settings *settings, const char *tree);

/* Whether CLONE_UNSHALLOW is set and the repository at CLONE_DIR waits for its history. */
bool history_run_is_due(const struct clone_settings *settings);

void history_run(const struct history_run *r);

#endif
