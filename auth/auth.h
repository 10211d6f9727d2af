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

void auth_verdict_init(struct auth_verdict *v);
void auth_verdict_fini(struct auth_verdict *v);

/* settings outlive it. */
struct auth *auth_new(const struct auth_settings *settings, struct loop *l, struct fetch *f,
		      struct err *e) MUST_CHECK;
void auth_free(struct auth *a);

/* With BROKER: uses another HTTP client for the relay. The client must outlive a. */
void auth_set_relay_client(struct auth *a, struct fetch *f);

/* Returns the narrowest scope that `scope` lacks for these modes (enum auth_mode); NULL: none. */
const char *auth_scope_missing(const char *scope, unsigned modes);

/* Replaces the cookie keys; the caller puts them into settings. What was sealed with one of the new
 * keys still opens, everything else does not. On failure cookies keep the old keys, but a file of
 * STATE_DIR may be sealed with the first of the new ones already. */
bool auth_replace_keys(struct auth *a, const struct auth_keys *keys, struct err *e) MUST_CHECK;

/* Called once the pending verdict v is filled, exactly once unless cancelled. */
typedef void auth_done_fn(struct auth_verdict *v, void *arg);

/*
 * auth_check decides whether a request may pass to the IDE or a port; auth_answer answers one of
 * our endpoints. NULL: *v is filled, and done does not run; this is the usual case for auth_check.
 * Otherwise done runs later. v must live until then; facts need not.
 */
struct auth_call *auth_check(struct auth *a, const struct auth_facts *facts, struct auth_verdict *v,
			     auth_done_fn *done, void *arg);

/* As auth_check, for users of the workspace only: no guests of a port, no public access. */
struct auth_call *auth_check_user(struct auth *a, const struct auth_facts *facts,
				  struct auth_verdict *v, auth_done_fn *done, void *arg);

/* As auth_check_user; also accepts the token of a device. */
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
 * Returns "https://<port>-<name>.<zone>" where the workspace's own host is <name>.<zone> or, in
 * GitLab's form, <port>-<name>.<zone>. The hosts share sessions, but each has its own cookie: see
 * auth/login/port_ticket.h. NULL: out of memory.
 */
const char *auth_port_origin(const struct auth *a, uint16_t port, struct arena *arena);

/*
 * Returns the signed assertion, for the upstream, of who sent an allowed request to the host of
 * this port (0: the workspace's own). Empty without ASSERTION, and when signing failed, which is
 * logged. Valid until the next call.
 */
struct str auth_assertion(struct auth *a, const struct auth_verdict *v, uint16_t port);

/* Returns the public keys of assertions (RFC 7517); empty without ASSERTION. Valid until the keys
 * are replaced. */
struct str auth_jwks(const struct auth *a);

/* Whether we use a cookie of this name. Such cookies are not forwarded to the upstream, and the
 * upstream may not set them. */
bool auth_owns_cookie(const struct auth *a, struct str name);

struct auth_session_times auth_session_times(const struct auth_session *s);

/* Lists the session's devices; returns their number. */
size_t auth_session_devices(const struct auth_session *s, struct auth_device out[AUTH_DEVICES_MAX]);

/* Starts to watch: see struct auth_watch. */
void auth_watch_start(struct auth_watch *w, struct auth_session *s, auth_ended_fn *fn, void *arg);
void auth_watch_stop(struct auth_watch *w); /* does nothing when not watching */
/* Notes activity on the watched connection, at now_ms of the monotonic clock, which decides which
 * session was used last. Does nothing when not watching. */
void auth_watch_note_use(struct auth_watch *w, uint64_t now_ms);

/* Call it after a watch reported this reason: turns v, which allowed a request, into a refusal with
 * 401 or, for AUTH_END_UNCONFIRMED, 503. */
void auth_verdict_ended(const struct auth *a, struct auth_verdict *v, enum auth_end reason);

#endif
