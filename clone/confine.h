/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Gives up the right to change files anywhere but below some directories, for the calling process
 * and those that it starts (Landlock, Linux 5.19). Whoever shares the volume may swap a folder for
 * a link between two steps of a library that works with paths: what would be made, changed or
 * removed behind it then is an error.
 */
#ifndef CLONE_CONFINE_H
#define CLONE_CONFINE_H

#include "base/err.h"

/*
 * Paths end with NULL; a file may stand among them, and what does not exist is left out. Before the
 * first thread, and for good. False: this kernel can't, or may not; then nothing has changed.
 * Reading, and modes and owners of files, stay as they are.
 */
bool confine_changes(const char *const *paths, struct err *e) MUST_CHECK;

#endif
