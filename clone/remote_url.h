/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The remote's URL: whether it may be cloned, its text for libgit2, and whether it may receive
 * GitLab's credentials.
 */
#ifndef CLONE_REMOTE_URL_H
#define CLONE_REMOTE_URL_H

#include "clone/failure.h"

/*
 * Accepts https; http only for a loopback address or an origin that CLONE_ORIGINS or GITLAB_API_URL
 * lists with http. No query. Otherwise CLONE_PROBLEM_REFUSED.
 */
bool remote_url_check(const struct clone_settings *settings, struct clone_failure *f) MUST_CHECK;

/* Whether `url` of a remote names the configured repository. Ignores ".git", userinfo, a default
 * port and the host's case; ssh URLs match by host and path. */
bool remote_url_is_same(const struct clone_settings *settings, const char *url);

/* Whether the URL has GitLab's origin or one of CLONE_ORIGINS. */
bool remote_url_is_allowed(const struct clone_settings *settings);

/* Whether the URL has GitLab's origin: same scheme, host and port. */
bool remote_url_is_gitlab(const struct clone_settings *settings);

/*
 * Appends the URL. At GitLab's origin the path ends in ".git": GitLab redirects requests without
 * it.
 */
bool remote_url_append(const struct clone_settings *settings, struct buf *out) MUST_CHECK;

/*
 * Appends the address at GitLab's origin of a URL that names GitLab's host in another way:
 * "git@host:path", ssh://, http://, or with a user name; for ssh also by GITLAB_SSH_ADDRESS. False
 * for other hosts; a relative URL root is added to ssh's paths.
 */
bool remote_url_append_gitlab(const struct clone_settings *settings, struct str url,
			      struct buf *out) MUST_CHECK;

/* Appends "scheme://host[:port]path" of any URL. */
bool remote_url_append_text(const struct url *u, struct buf *out) MUST_CHECK;

#endif
