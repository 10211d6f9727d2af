/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What history.c and history_lock.c share.
 */
#ifndef CLONE_HISTORY_HISTORY_PRIVATE_H
#define CLONE_HISTORY_HISTORY_PRIVATE_H

#include "clone/history/history.h"

#define HISTORY_PATH_BYTES 128u

/* All of it, onto the disk. */
bool history_write(int fd, struct str text) MUST_CHECK;

/* A killed run's lock on a file of git's, if there is one. */
void history_drop_stale_lock(const struct history *h);

#endif
