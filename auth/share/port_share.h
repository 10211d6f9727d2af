/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One port that its workspace's users share with others: with whom, by whom and until when.
 *
 * All access that a share grants ends with it: the sessions of guests refer to it, and requests
 * without a session watch it. Its terms never change, except for its end time.
 */
#ifndef AUTH_SHARE_PORT_SHARE_H
#define AUTH_SHARE_PORT_SHARE_H

#include "auth/auth_session.h"
#include "auth/auth_share.h"
#include "auth/gitlab/policy.h"

struct port_share_terms {
	uint16_t port;
	enum auth_audience audience;
	/* Users or a group; empty: those of the settings. */
	char members[AUTH_SHARE_MEMBERS_MAX + 1];
	int64_t until_ms; /* wall clock; 0: until it is revoked */
};

struct port_share {
	LIST_ENTRY(port_share) entry;
	unsigned refs;
	bool has_ended;
	struct port_share_terms terms;
	uint64_t by_id;
	char shared_by[GITLAB_TEXT_MAX + 1];
	struct policy_rule rule;	/* who is a guest */
	struct auth_watch_list watches; /* watches of requests without a session */
};
LIST_HEAD(port_share_list, port_share);

/* Has one reference. NULL: out of memory. settings must outlive it. */
struct port_share *port_share_new(const struct port_share_terms *terms, uint64_t by_id,
				  const char *shared_by, const struct auth_settings *settings);
void port_share_ref(struct port_share *p);
void port_share_unref(struct port_share *p); /* does nothing for NULL */

/* Whether it has ended or expired. The list notices its expiry a moment later. */
bool port_share_is_over(const struct port_share *p);

/* Whether these terms give access to the same people. */
bool port_share_has_terms(const struct port_share *p, const struct port_share_terms *terms);

/* Returns NULL, or a sentence that says why the settings do not allow these terms. */
const char *port_share_refusal(const struct auth_settings *settings,
			       const struct port_share_terms *terms);

#endif
