/* SPDX-License-Identifier: Apache-2.0 */
/*
 * git's patterns of paths (gitignore(5), gitattributes(5)): '*', '?', "[…]", '\\' and, in whole
 * paths, "**".
 */
#ifndef CLONE_CHECKOUT_WILDMATCH_H
#define CLONE_CHECKOUT_WILDMATCH_H

#include "base/str.h"

/* Whether the whole text matches. is_path: only "**" as a whole component matches '/'. The time is
 * at most proportional to the product of both lengths, for each "**". */
bool wildmatch(struct str pattern, struct str text, bool is_path);

/* Subtracts the steps from *steps_left; 0 afterwards: it gave up, as if there were no match. A step
 * is one character of the text, or one element of a bracket expression. */
bool wildmatch_within(struct str pattern, struct str text, bool is_path, uint64_t *steps_left);

#endif
