/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Shared by history.c and history_lock.c.
 */
#ifndef CLONE_HISTORY_HISTORY_PRIVATE_H
#define CLONE_HISTORY_HISTORY_PRIVATE_H

#include "clone/history/history.h"

#define HISTORY_PATH_BYTES 128u

/* Writes all of text and syncs it. */
bool history_write(int fd, struct str text) MUST_CHECK;

/* Removes a killed run's lock on one of git's files, if there is one. */
void history_drop_stale_lock(const struct history *h);

#endif
