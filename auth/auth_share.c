/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The public interface to shares of ports.
 */
#include "auth/auth_share.h"

#include "auth/auth_private.h"
#include "auth/session/session_watch.h"
#include "auth/share/port_shares.h"

size_t
auth_shares(const struct auth *a, struct auth_share out[AUTH_SHARES_MAX])
{
	const struct port_share *p = NULL;
	size_t count = 0;

	while ((p = port_shares_next(a->shares, p)) != NULL)
		out[count++] = (struct auth_share){
			.port = p->terms.port,
			.audience = p->terms.audience,
			.members = str_from(p->terms.members),
			.shared_by = str_from(p->shared_by),
			.until_ms = p->terms.until_ms,
		};
	return count;
}

unsigned
auth_shares_version(const struct auth *a)
{
	return port_shares_version(a->shares);
}

void
auth_watch_start_public(struct auth_watch *w, struct auth *a, uint16_t port, auth_ended_fn *fn,
			void *arg)
{
	struct port_share *p = port_shares_find_any(a->shares, port);

	err_assert(p != NULL && p->terms.audience == AUTH_AUDIENCE_PUBLIC);
	auth_watches_add(&p->watches, w, fn, arg);
}
