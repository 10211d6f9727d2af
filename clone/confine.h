/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Restricts the calling process and its children to changing files below given directories
 * (Landlock, Linux 5.19). Another user of the volume may replace a folder by a link between two
 * steps of a library that works with paths; changes through such a link then fail.
 */
#ifndef CLONE_CONFINE_H
#define CLONE_CONFINE_H

#include "base/err.h"

/*
 * paths ends with NULL; it may include files, and missing paths are skipped. Must be called before
 * the first thread is started; cannot be undone. False: not supported or not permitted, and nothing
 * has changed. Reading, and changing modes and owners, are not restricted.
 */
bool confine_changes(const char *const *paths, struct err *e) MUST_CHECK;

#endif
