/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writes the files of HEAD's tree with several threads, instead of libgit2's checkout.
 */
#ifndef CLONE_CHECKOUT_GIT_FILES_H
#define CLONE_CHECKOUT_GIT_FILES_H

#include "clone/git/git_steps.h"

/* Whether git_files_write can write this tree on this file system. */
bool git_files_can_write(const struct transfer *t) MUST_CHECK;
bool git_files_write(struct transfer *t) MUST_CHECK;

#endif
