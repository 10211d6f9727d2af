/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The public interface of authentication: facts about a request in, a verdict out, at once or
 * later.
 *
 * Uses no sockets. Login through GitLab's OAuth2 code flow (RFC 6749, PKCE: RFC 7636), sessions in
 * memory with a sealed (encrypted and authenticated) cookie in the browser, authorization by
 * requests to GitLab. The caller turns verdicts into pages and status lines.
 */
#ifndef AUTH_AUTH_H
#define AUTH_AUTH_H

#include "auth/auth_endpoint.h"
#include "auth/auth_origin.h"
#include "auth/auth_settings.h"
#include "auth/auth_share.h"
#include "auth/auth_verdict.h"
#include "base/http/fetch.h"
#include "base/list.h"
#include "base/metrics.h"
#include "base/net/loop.h"
#include "base/secret.h"
#include "base/url.h"

struct auth;
struct auth_session;
struct auth_call; /* a verdict that is still pending */

/* settings outlive it. */
struct auth *auth_new(const struct auth_settings *settings, struct loop *l, struct fetch *f,
		      struct err *e) MUST_CHECK;
void auth_free(struct auth *a);

/* With BROKER: another client for the relay, which outlives a. */
void auth_reach_relay(struct auth *a, struct fetch *f);

/* The narrowest scope that `scope` lacks for these modes (enum auth_mode); NULL: none. */
const char *auth_scope_missing(const char *scope, unsigned modes);

/* Replaces the cookie keys; the caller puts them into settings. What was sealed under one of the
 * new keys still opens, everything else does not. On failure nothing has changed. */
bool auth_replace_keys(struct auth *a, const struct auth_keys *keys, struct err *e) MUST_CHECK;

/* The pending verdict v has been filled. Runs exactly once unless cancelled. */
typedef void auth_done_fn(struct auth_verdict *v, void *arg);

/*
 * auth_check decides whether a request may pass to the IDE or a port; auth_answer answers one of
 * our endpoints. Both return NULL when *v is filled at once (the usual case for auth_check) and
 * done will not run; otherwise done runs later, and v must live until then, facts need not.
 */
struct auth_call *auth_check(struct auth *a, const struct auth_facts *facts, struct auth_verdict *v,
			     auth_done_fn *done, void *arg);

/* As auth_check, for users of the workspace only: neither a port's guests nor everybody. */
struct auth_call *auth_check_user(struct auth *a, const struct auth_facts *facts,
				  struct auth_verdict *v, auth_done_fn *done, void *arg);

/* As auth_check_user, where a device's token counts as well. */
struct auth_call *auth_check_device(struct auth *a, const struct auth_facts *facts,
				    struct auth_verdict *v, auth_done_fn *done, void *arg);

struct auth_call *auth_answer(struct auth *a, enum auth_endpoint endpoint,
			      const struct auth_facts *facts, struct auth_verdict *v,
			      auth_done_fn *done, void *arg);
void auth_cancel(struct auth_call *call);

/* Counters of logins, sessions and requests to GitLab. */
extern const struct metrics_table auth_metrics_table;
void auth_metrics_write(const struct auth *a, struct buf *out);

/* Whether GitLab answered the last request; true before the first one. */
bool auth_gitlab_answers(const struct auth *a);

/*
 * "https://<port>-<name>.<zone>", where the workspace's own host is <name>.<zone> or, in GitLab's
 * form, <port>-<name>.<zone>. A port's host shares sessions with the workspace's and has cookies of
 * its own: see auth/login/port_ticket.h. NULL without memory.
 */
const char *auth_port_origin(const struct auth *a, uint16_t port, struct arena *arena);

/*
 * The signed assertion of who sent an allowed request to this port's host (0: the workspace's own),
 * for the upstream. Empty without ASSERTION, and where signing fails, which is logged. Valid until
 * the next call.
 */
struct str auth_assertion(struct auth *a, const struct auth_verdict *v, uint16_t port);

/* Their public keys (RFC 7517); empty without ASSERTION. Valid until the keys are replaced. */
struct str auth_jwks(const struct auth *a);

/* Whether a cookie of this name is ours: it never reaches the upstream, nor may the upstream set
 * it. */
bool auth_owns_cookie(const struct auth *a, struct str name);

struct auth_session_times auth_session_times(const struct auth_session *s);

/* Fills out; returns how many there are. */
size_t auth_session_devices(const struct auth_session *s, struct auth_device out[AUTH_DEVICES_MAX]);

/* See struct auth_watch. */
void auth_watch_start(struct auth_watch *w, struct auth_session *s, auth_ended_fn *fn, void *arg);
void auth_watch_stop(struct auth_watch *w); /* fine when not watching */
/* Something was done over the watched connection, at now_ms of the monotonic clock: says which
 * session was used last. Fine when not watching. */
void auth_watch_note_use(struct auth_watch *w, uint64_t now_ms);

#endif
