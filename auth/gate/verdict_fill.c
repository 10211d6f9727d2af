/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fills verdicts: sets action, status and the fields that belong to them.
 */
#include "auth/gate/verdict_fill.h"

#include <inttypes.h>

#include "auth/auth_private.h"
#include "auth/gitlab/gitlab.h"
#include "auth/session/session_identity.h"
#include "auth/session/session_lifetime.h"
#include "base/json.h"

#define VERDICT_MAX_BYTES 32768u /* of a verdict's arena */

static const unsigned problem_statuses[] = {
	[AUTH_PROBLEM_NONE] = 200,
	[AUTH_PROBLEM_LOGIN_REQUIRED] = 401,
	[AUTH_PROBLEM_NO_ACCESS] = 403,
	[AUTH_PROBLEM_CONSENT_DENIED] = 403,
	[AUTH_PROBLEM_NOT_SHARED] = 403,
	[AUTH_PROBLEM_SHARE] = 400,
	[AUTH_PROBLEM_NO_PORT] = 421,
	[AUTH_PROBLEM_LOGIN_FAILED] = 403,
	[AUTH_PROBLEM_GITLAB_UNAVAILABLE] = 503,
	[AUTH_PROBLEM_OUTGOING_PROXY] = 503,
	[AUTH_PROBLEM_GITLAB_REFUSES_US] = 502,
	[AUTH_PROBLEM_SCOPE] = 502,
	[AUTH_PROBLEM_TOKEN_SCOPE] = 403,
	[AUTH_PROBLEM_LOGIN_LOOP] = 403,
	[AUTH_PROBLEM_CROSS_SITE] = 403,
	[AUTH_PROBLEM_BAD_REQUEST] = 400,
	[AUTH_PROBLEM_METHOD] = 405,
	[AUTH_PROBLEM_RELAY_REQUEST] = 400,
	[AUTH_PROBLEM_RELAY_WORKSPACE] = 403,
	[AUTH_PROBLEM_RELAY_FOREIGN] = 403,
	[AUTH_PROBLEM_RELAY_STALE] = 403,
};

void
auth_verdict_init(struct auth_verdict *v)
{
	memset(v, 0, sizeof(*v));
	arena_init(&v->arena, VERDICT_MAX_BYTES);
}

void
auth_verdict_fini(struct auth_verdict *v)
{
	session_unref(v->identity_session);
	v->identity_session = NULL;
	v->session = NULL;
	arena_fini(&v->arena);
}

void
verdict_set_identity(struct auth_verdict *v, struct auth_session *s)
{
	session_ref(s);
	session_unref(v->identity_session);
	v->identity_session = s;
	v->identity = session_identity(s);
}

void
verdict_copy_identity(struct auth_verdict *v, const struct gitlab_user *user)
{
	struct arena *a = &v->arena;

	v->identity = (struct auth_identity){
		.user_id = str_from(arena_printf(a, "%" PRIu64, user->id)),
		.username = str_from(arena_dup(a, str_from(user->username))),
		.name = str_from(arena_dup(a, str_from(user->name))),
		.email = str_from(arena_dup(a, str_from(user->email))),
	};
}

void
verdict_problem(struct auth_verdict *v, enum auth_problem problem, const char *detail)
{
	v->action = AUTH_PROBLEM;
	v->problem = problem;
	v->status = problem_statuses[problem];
	v->detail = detail;
}

void
verdict_refuse(const struct auth *a, struct auth_verdict *v, enum auth_problem problem,
	       const char *detail)
{
	verdict_problem(v, problem, detail);
	v->location = a->start_url;
}

void
verdict_unavailable(struct auth_verdict *v, uint32_t retry_after_s, const char *detail)
{
	verdict_problem(v, AUTH_PROBLEM_GITLAB_UNAVAILABLE, detail);
	v->retry_after_s = retry_after_s == 0 ? AUTH_RETRY_AFTER_S : retry_after_s;
}

enum auth_problem
verdict_problem_of(enum err_code code)
{
	return code == ERR_PROXY ? AUTH_PROBLEM_OUTGOING_PROXY : AUTH_PROBLEM_GITLAB_UNAVAILABLE;
}

void
verdict_not_answered(struct auth_verdict *v, uint32_t retry_after_s, enum err_code code)
{
	verdict_unavailable(v, retry_after_s, NULL);
	v->problem = verdict_problem_of(code);
}

void
verdict_redirect(struct auth_verdict *v, unsigned status, const char *location)
{
	if (location == NULL || location[strcspn(location, "\r\n")] != '\0') {
		verdict_unavailable(v, 0, "An address could not be built.");
		return;
	}
	v->action = AUTH_REDIRECT;
	v->problem = AUTH_PROBLEM_NONE;
	v->status = status;
	v->location = location;
}

void
verdict_reply(struct auth_verdict *v, unsigned status, struct str json)
{
	v->action = AUTH_REPLY;
	v->problem = AUTH_PROBLEM_NONE;
	v->status = status;
	v->json = json;
}

void
verdict_reply_object(struct auth_verdict *v, struct json_writer *w)
{
	const char *text = NULL;

	if (json_write_end_object(w))
		text = arena_dup(&v->arena, buf_view(w->out));
	if (text == NULL)
		verdict_unavailable(v, 0, NULL);
	else
		verdict_reply(v, 200, str_from(text));
}

void
verdict_add_cookie(struct auth_verdict *v, const char *set_cookie)
{
	if (set_cookie == NULL || v->set_cookies_count == AUTH_SET_COOKIES_MAX) {
		verdict_unavailable(v, 0, "A cookie could not be made.");
		return;
	}
	v->set_cookies[v->set_cookies_count++] = set_cookie;
}
