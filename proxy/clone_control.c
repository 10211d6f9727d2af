/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A refresh ends the old access token at GitLab, so while the worker needs the session's token, the
 * sessions keep theirs. When GitLab refuses the token anyway, the clone runs once more with a
 * renewed one.
 */
#include "proxy/clone_control.h"

static void
start_clone(struct clone_control *c, const struct secret *token)
{
	enum clone_phase phase = clone_progress(c->clone)->phase;
	struct err e = ERR_INIT;

	if (phase != CLONE_WAITING && phase != CLONE_FAILED)
		return;
	/* Remembered, so that its refusal can be reported to auth. */
	secret_free(c->token);
	c->token =
		token == NULL ? NULL : secret_new(secret_view(token).data, secret_view(token).len);
	if (!clone_start(c->clone, token, &e))
		log_error(NULL, "clone can't be started", log_err(&e));
}

static void
on_token_renewed(const struct auth_credential *credential, void *arg)
{
	struct clone_control *c = arg;

	c->renewal = NULL;
	if (c->is_skipped || credential->outcome != AUTH_CREDENTIAL_GIVEN ||
	    str_equal(secret_view(credential->token), secret_view(c->token)))
		return;
	log_info(NULL, "clone: retrying with a renewed token");
	start_clone(c, credential->token);
}

/* Once for every start by a user. */
static void
renew_token(struct clone_control *c)
{
	struct auth_credential credential;

	if (c->token == NULL || c->was_renewed || c->renewal != NULL)
		return;
	c->was_renewed = true;
	auth_credential_reject(c->auth, secret_view(c->token));
	c->renewal = auth_credential_start(c->auth, &credential, on_token_renewed, c);
	if (c->renewal == NULL)
		on_token_renewed(&credential, c);
}

static bool
is_running(const struct clone_progress *progress)
{
	return progress->phase != CLONE_OFF && progress->phase != CLONE_WAITING &&
	       progress->phase != CLONE_DONE && progress->phase != CLONE_FAILED;
}

static void
on_progress(const struct clone_progress *progress, void *arg)
{
	struct clone_control *c = arg;
	/* GitLab checks the token when a transfer starts, not while it runs. */
	bool is_requesting_history =
		progress->history.state == CLONE_HISTORY_COMING && progress->history.bytes == 0;

	auth_hold_tokens(c->auth, is_running(progress) || is_requesting_history);
	if (progress->phase == CLONE_FAILED && progress->problem == CLONE_PROBLEM_TOKEN)
		renew_token(c);
}

void
clone_control_init(struct clone_control *c, struct clone *clone, struct auth *auth)
{
	*c = (struct clone_control){.auth = auth, .clone = clone};
	clone_watch_start(&c->watch, clone, on_progress, c);
	on_progress(clone_progress(clone), c);
}

void
clone_control_fini(struct clone_control *c)
{
	clone_watch_stop(&c->watch);
	auth_credential_cancel(c->renewal);
	secret_free(c->token);
	clone_free(c->clone);
	*c = (struct clone_control){.auth = NULL};
}

bool
clone_control_is_open(const struct clone_control *c)
{
	enum clone_phase phase = clone_progress(c->clone)->phase;

	return phase == CLONE_OFF || phase == CLONE_DONE || c->is_skipped;
}

bool
clone_control_is_cloning(const struct clone_control *c)
{
	return c->clone != NULL && is_running(clone_progress(c->clone));
}

const struct clone_progress *
clone_control_progress(const struct clone_control *c)
{
	const struct clone_progress *progress = clone_progress(c->clone);

	return progress->phase == CLONE_OFF || c->is_skipped ? NULL : progress;
}

void
clone_control_offer_token(struct clone_control *c, const struct auth_verdict *v)
{
	if (clone_progress(c->clone)->phase == CLONE_WAITING && str_is_empty(v->token_header))
		start_clone(c, auth_session_token(v->session));
}

void
clone_control_retry(struct clone_control *c, const struct auth_verdict *v)
{
	c->was_renewed = false;
	start_clone(c, auth_session_token(v->session));
}

void
clone_control_skip(struct clone_control *c)
{
	c->is_skipped = clone_progress(c->clone)->phase == CLONE_FAILED;
}
