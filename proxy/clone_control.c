/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every attempt leases the token of a session for as long as the worker needs it. When GitLab
 * rejects the token, there is one more attempt with a renewed one.
 */
#include "proxy/clone_control.h"

static bool
can_start(const struct clone_progress *progress)
{
	return progress->phase == CLONE_WAITING || progress->phase == CLONE_FAILED;
}

static bool
is_running(const struct clone_progress *progress)
{
	return !can_start(progress) && progress->phase != CLONE_OFF &&
	       progress->phase != CLONE_DONE;
}

/* token NULL: uses CLONE_TOKEN, or none. */
static void
start_clone(struct clone_control *c, const struct secret *token)
{
	struct err e = ERR_INIT;

	if (c->attempt == CLONE_ATTEMPT_RENEWED)
		log_info(NULL, "clone: retrying with a renewed token");
	if (!clone_start(c->clone, token, &e))
		log_error(NULL, "clone can't be started", log_err(&e));
	if (!is_running(clone_progress(c->clone)))
		auth_lease_end(&c->lease);
}

/* Starts the clone with the session's token. False if the session can't lease it now. */
static bool
start_with_session(struct clone_control *c, struct auth_session *s)
{
	auth_lease_end(&c->lease);
	if (!auth_lease_start(&c->lease, s))
		return false;
	start_clone(c, auth_lease_token(&c->lease));
	return true;
}

static void
on_token(const struct auth_credential *credential, void *arg)
{
	struct clone_control *c = arg;

	c->token_request = NULL;
	if (c->is_skipped || !can_start(clone_progress(c->clone)))
		return;
	switch (credential->outcome) {
	case AUTH_CREDENTIAL_GIVEN:
		(void)start_with_session(c, credential->session);
		return;
	case AUTH_CREDENTIAL_SIGN_IN:
		if (c->attempt == CLONE_ATTEMPT_RETRY)
			start_clone(c, NULL);
		return;
	case AUTH_CREDENTIAL_UNAVAILABLE:
		if (c->attempt != CLONE_ATTEMPT_FIRST)
			log_warn(NULL,
				 "clone not started: no GitLab token is available at the moment");
		return;
	}
}

/* Requests the token of the session used last, renewed if necessary. */
static void
request_token(struct clone_control *c)
{
	struct auth_credential credential;

	c->token_request = auth_credential_start(c->auth, &credential, on_token, c);
	if (c->token_request == NULL)
		on_token(&credential, c);
}

static void
start_attempt(struct clone_control *c, enum clone_attempt attempt, struct auth_session *s)
{
	if (c->token_request != NULL)
		return;
	c->attempt = attempt;
	if (!start_with_session(c, s))
		request_token(c);
}

static void
renew_token(struct clone_control *c)
{
	bool is_worthwhile = c->lease.session != NULL && c->attempt != CLONE_ATTEMPT_RENEWED &&
			     c->token_request == NULL;

	auth_lease_end_rejected(&c->lease);
	if (!is_worthwhile)
		return;
	c->attempt = CLONE_ATTEMPT_RENEWED;
	request_token(c);
}

static void
on_progress(const struct clone_progress *progress, void *arg)
{
	struct clone_control *c = arg;
	/* GitLab checks the token when a transfer starts, not while it runs. */
	bool is_requesting_history =
		progress->history.state == CLONE_HISTORY_COMING && progress->history.bytes == 0;

	if (progress->phase == CLONE_FAILED && progress->problem == CLONE_PROBLEM_TOKEN)
		renew_token(c);
	else if (!is_running(progress) && !is_requesting_history)
		auth_lease_end(&c->lease);
}

void
clone_control_init(struct clone_control *c, struct clone *clone, struct auth *auth)
{
	*c = (struct clone_control){.auth = auth, .clone = clone};
	clone_watch_start(&c->watch, clone, on_progress, c);
}

void
clone_control_fini(struct clone_control *c)
{
	clone_watch_stop(&c->watch);
	auth_credential_cancel(c->token_request);
	auth_lease_end(&c->lease);
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
		start_attempt(c, CLONE_ATTEMPT_FIRST, v->session);
}

void
clone_control_retry(struct clone_control *c, const struct auth_verdict *v)
{
	if (clone_progress(c->clone)->phase == CLONE_FAILED)
		start_attempt(c, CLONE_ATTEMPT_RETRY, v->session);
}

void
clone_control_skip(struct clone_control *c)
{
	c->is_skipped = clone_progress(c->clone)->phase == CLONE_FAILED;
}
