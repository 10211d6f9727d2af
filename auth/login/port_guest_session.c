/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Opens the session of a guest. The browser gets its cookie when it redeems the ticket.
 */
#include "auth/login/port_guest_session.h"

#include "auth/gate/verdict_fill.h"
#include "auth/login/login_start.h"
#include "auth/login/port_ticket.h"

bool
port_guest_open(struct auth *a, const struct port_guest_login *login, struct auth_verdict *v,
		struct err *e)
{
	struct auth_session *s;

	if (port_share_is_over(login->share))
		return err_set(e, ERR_DENIED, "the port is no longer shared");
	s = session_new_guest(a->store, login->user, login->tokens, login->share, e);
	if (s == NULL)
		return false;
	log_info(NULL, "guest signed in", log_cstr("user", login->user->username),
		 log_int("port", login->share->terms.port),
		 log_cstr("audience", auth_audience_name(login->share->terms.audience)));
	port_ticket_issue_for_guest(a, s, login->target, v);
	return true;
}

void
port_guest_redirect_owner(struct auth *a, struct str target, struct str client,
			  struct auth_verdict *v)
{
	const char *full = port_guest_skip(target, &v->arena);

	login_count(a, AUTH_LOGIN_RESTARTED);
	verdict_redirect(v, 302,
			 full == NULL ? NULL
				      : login_start_url(a, str_from(full), client, &v->arena));
}

void
port_guest_refuse(struct auth *a, struct auth_verdict *v)
{
	login_count(a, AUTH_LOGIN_NO_ACCESS);
	verdict_refuse(a, v, AUTH_PROBLEM_NOT_SHARED, "It is no longer shared.");
}
