/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is cloned from where: whether we clone that address at all, its text as libgit2 gets it, and
 * whether it may see GitLab's credentials.
 */
#ifndef CLONE_REMOTE_URL_H
#define CLONE_REMOTE_URL_H

#include "clone/failure.h"

/*
 * https only; http where the address is a loopback one, or where the setting that allows this very
 * origin says http. No query. CLONE_PROBLEM_REFUSED otherwise.
 */
bool remote_url_check(const struct clone_settings *settings, struct clone_failure *f) MUST_CHECK;

/* Whether `url`, the address of a remote, names the repository that is to be cloned: without its
 * scheme where that is ssh, with and without ".git", userinfo, a default port, the host in any
 * case. */
bool remote_url_is_same(const struct clone_settings *settings, const char *url);

/* Whether the repository lies at GitLab's origin or at one that a setting names. */
bool remote_url_is_allowed(const struct clone_settings *settings);

/* Whether the repository lies at GitLab's origin: scheme, host and port are equal. */
bool remote_url_is_gitlab(const struct clone_settings *settings);

/*
 * Appends the address. At GitLab's origin the path ends in ".git": without it GitLab answers with a
 * redirect, and we follow none.
 */
bool remote_url_append(const struct clone_settings *settings, struct buf *out) MUST_CHECK;

/* Appends "scheme://host[:port]path" of any URL. */
bool remote_url_append_text(const struct url *u, struct buf *out) MUST_CHECK;

#endif
