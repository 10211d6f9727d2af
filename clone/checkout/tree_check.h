/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Checks HEAD's tree before the first file is written: names, sizes, number and depth of its
 * entries.
 */
#ifndef CLONE_CHECKOUT_TREE_CHECK_H
#define CLONE_CHECKOUT_TREE_CHECK_H

#include "clone/git/git_steps.h"

/* Also sets has_attributes, has_submodules, is_sorted and files of the transfer. */
bool tree_check(struct transfer *t) MUST_CHECK;

#endif
