/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Checks names in trees before they become files: names that some file system treats as ".git", in
 * any spelling, and names that lead out of their directory. Pure functions.
 */
#ifndef CLONE_CHECKOUT_NAME_CHECK_H
#define CLONE_CHECKOUT_NAME_CHECK_H

#include "base/str.h"

/*
 * NULL for a name that may be written; else what is wrong with it. Refused are "", ".", "..", names
 * with '/', and what git refuses by default (core.protectNTFS): ".git" in any case and "git~1",
 * also with dots, spaces or a stream (":…") behind it or after a backslash. So are spellings that
 * HFS+ takes for ".git", since a volume may be of any kind.
 */
const char *name_check_entry(struct str name);

/* Whether the name is ".gitmodules" in one of those spellings, or has it after a backslash: as a
 * link it is refused. */
bool name_check_is_gitmodules(struct str name);

#endif
