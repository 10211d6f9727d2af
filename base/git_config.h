/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The configuration that git in a workspace needs for all of its repositories: the credential
 * helper, https instead of ssh, and repositories of another user id. It is for git's own
 * environment (git-config(1), GIT_CONFIG_COUNT), which comes after all files.
 */
#ifndef BASE_GIT_CONFIG_H
#define BASE_GIT_CONFIG_H

#include "base/url.h"

#define GIT_CONFIG_MAX 8u
#define SSH_PORT       22u

/* Address of GitLab's ssh server if it differs from the host of GitLab's URL. */
struct git_ssh_address {
	struct str host; /* lower case; empty: none */
	uint16_t port;
};

struct git_config_pair {
	char *key;
	char *value;
};

struct git_config {
	struct git_config_pair pairs[GIT_CONFIG_MAX];
	size_t count;
};

struct git_config_source {
	const struct url *gitlab;
	const struct git_ssh_address *ssh;
	const char *helper; /* value of credential.helper */
	bool other_owner;   /* repositories may belong to another user id than that of git */
};

/* Fills config; its strings are in the arena. False: out of memory. */
bool git_config_make(struct git_config *config, const struct git_config_source *source,
		     struct arena *a) MUST_CHECK;

#endif
