/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Checks names in trees before they become files: names that some file system treats as ".git", in
 * any spelling, and names that lead out of their directory. Pure functions.
 */
#ifndef CLONE_CHECKOUT_NAME_CHECK_H
#define CLONE_CHECKOUT_NAME_CHECK_H

#include "base/str.h"

/*
 * Returns NULL if the name may be written, otherwise what is wrong with it. Refuses "", ".", "..",
 * names with '/', and what git refuses by default (core.protectNTFS): ".git" in any case and
 * "git~1", also followed by dots, spaces or a stream (":…"), or after a backslash. Also refuses
 * spellings that HFS+ reads as ".git", because the volume may be of any kind.
 */
const char *name_check_entry(struct str name);

/* Whether the name is ".gitmodules" in one of those spellings, or has it after a backslash: as a
 * link it is refused. */
bool name_check_is_gitmodules(struct str name);

#endif
