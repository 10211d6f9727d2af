/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Return targets of logins: the requested pages, kept in memory until the login has returned from
 * GitLab. Unlike cookies they may be long and numerous; a restart loses them.
 *
 * Their size is bounded, in total and per client: the oldest are dropped.
 */
#ifndef AUTH_LOGIN_RETURN_TARGET_H
#define AUTH_LOGIN_RETURN_TARGET_H

#include "base/list.h"
#include "base/str.h"
#include "base/url.h"

#define RETURN_TARGET_MAX		URL_MAX_BYTES
#define RETURN_TARGET_KEY_LEN		43u /* base64url of 32 random bytes */
#define RETURN_TARGETS_BYTES_MAX	(4u << 20)
#define RETURN_TARGETS_CLIENT_BYTES_MAX (512u << 10)

struct return_target;
TAILQ_HEAD(return_target_list, return_target);

/* Call return_targets_init first. */
struct return_targets {
	struct return_target_list list; /* the newest first */
	size_t bytes;
};

void return_targets_init(struct return_targets *all);
void return_targets_fini(struct return_targets *all);

/* Copies the target for a client (see client_quota.h). Out of memory, nothing is kept. */
void return_targets_put(struct return_targets *all, struct str key, struct str client_ip,
			struct str target);

/* Finds the target of this client; valid until the next change. STR_NONE: there is none. The key
 * alone is not enough, because others may see the URL that contains it. */
struct str return_targets_find(const struct return_targets *all, struct str key,
			       struct str client_ip);

#endif
