/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is cloned from where: whether we clone that address at all, its text as libgit2 gets it, and
 * whether it may see GitLab's credentials.
 */
#ifndef CLONE_SOURCE_H
#define CLONE_SOURCE_H

#include "clone/failure.h"

/*
 * https only; http where the address is a loopback one or where GitLab itself is reached by http at
 * that very origin. No query. CLONE_PROBLEM_REFUSED otherwise.
 */
bool source_check(const struct clone_settings *settings, struct clone_failure *f) MUST_CHECK;

/* Whether the repository lies at GitLab's origin: scheme, host and port are equal. */
bool source_is_gitlab(const struct clone_settings *settings);

/*
 * Appends the address. At GitLab's origin the path ends in ".git": without it GitLab answers with a
 * redirect, and we follow none.
 */
bool source_add_url(const struct clone_settings *settings, struct buf *out) MUST_CHECK;

/* Appends "scheme://host[:port]path" of any URL. */
bool source_add_url_text(const struct url *u, struct buf *out) MUST_CHECK;

#endif
