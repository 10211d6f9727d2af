/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The front door of authentication: facts about a request in, a verdict out, at once or later.
 *
 * Knows no sockets. Login through GitLab's OAuth2 code flow (RFC 6749, PKCE: RFC 7636), sessions in
 * memory with a sealed cookie at the browser, authorization asked of GitLab. How verdicts look to a
 * browser (pages, status lines) is the caller's business.
 */
#ifndef AUTH_AUTH_H
#define AUTH_AUTH_H

#include "auth/auth_settings.h"
#include "base/arena.h"
#include "base/fetch.h"
#include "base/log.h"
#include "base/loop.h"
#include "base/metrics.h"
#include "base/secret.h"
#include "base/url.h"

struct auth;
struct auth_session;
struct auth_call; /* a verdict that is still being found */

/* settings outlive it. */
struct auth *auth_new(const struct auth_settings *settings, struct loop *l, struct fetch *f,
		      struct err *e) MUST_CHECK;
void auth_free(struct auth *a);

/* Goes on with other cookie keys, which the caller puts into settings. What was sealed under one of
 * them still opens, and nothing else. On failure nothing has changed. */
bool auth_replace_keys(struct auth *a, const struct auth_keys *keys, struct err *e) MUST_CHECK;

/* The value of the index-th header of this name (given in lower case); STR_NONE past the last. */
typedef struct str auth_header_fn(const void *arg, struct str lower_name, size_t index);

struct auth_facts {
	struct str method;
	struct str host;   /* authority as asked for, already known to be ours */
	uint16_t port;	   /* whose host that is; 0: the workspace's own */
	struct str origin; /* with port: what auth_port_origin gave; must outlive the call */
	struct str target; /* origin-form, raw: path and query */
	auth_header_fn *header;
	const void *header_arg;
	struct str client; /* the IP that asks; empty or no IP: unknown */
	struct str body;   /* of a form POST to an endpoint; at most AUTH_BODY_MAX */
	const struct log_context *log;
};
#define AUTH_BODY_MAX 8192

enum auth_action {
	AUTH_ALLOW,    /* go on, as identity */
	AUTH_REDIRECT, /* status 302 or 303 to location */
	AUTH_PROBLEM,  /* a page or a JSON error that explains `problem`; nothing may pass */
	AUTH_REPLY,    /* an endpoint's own answer: status and JSON body (may be empty) */
	AUTH_SIGN_IN_PAGE,
	AUTH_SIGN_OUT_PAGE, /* asks to confirm; identity is set when signed in */
	AUTH_SIGNED_OUT_PAGE,
	AUTH_RELAY_PAGE, /* what auth/relay.h's address is for */
};

enum auth_problem {
	AUTH_PROBLEM_NONE,
	AUTH_PROBLEM_LOGIN_REQUIRED, /* 401: no session, and the request is no navigation; location:
					where to sign in */
	AUTH_PROBLEM_NO_ACCESS,	     /* 403: identity is who was refused */
	AUTH_PROBLEM_CONSENT_DENIED, /* 403: the user said no at GitLab */
	AUTH_PROBLEM_LOGIN_FAILED,   /* 403: GitLab reported an error or the answer did not fit;
					detail says which */
	AUTH_PROBLEM_GITLAB_UNAVAILABLE, /* 503: retry_after_s is set */
	AUTH_PROBLEM_GITLAB_REFUSES_US,	 /* 502: client id, secret or redirect address are wrong; an
					    operator must act */
	AUTH_PROBLEM_LOGIN_LOOP,	 /* 403: cookies do not come back */
	AUTH_PROBLEM_CROSS_SITE, /* 403: Origin or Sec-Fetch-Site say that another site sent this */
	AUTH_PROBLEM_BAD_REQUEST, /* 400: repeated or malformed parameters; detail says which */
	AUTH_PROBLEM_METHOD,	  /* 405: allow is the Allow header */
	/* The relay's; where location is set, it is the workspace's own address. */
	AUTH_PROBLEM_RELAY_REQUEST,   /* 400: malformed, repeated or altered parameters */
	AUTH_PROBLEM_RELAY_WORKSPACE, /* 403: zone, key or scope are wrong; an operator must act */
	AUTH_PROBLEM_RELAY_FOREIGN,   /* 403: started in another browser, or finished already */
	AUTH_PROBLEM_RELAY_STALE,     /* 403: more than ten minutes old */
};

struct auth_identity {
	struct str user_id; /* decimal */
	struct str username;
	struct str name;
	struct str email; /* may be empty */
};

#define AUTH_SET_COOKIES_MAX 4
struct auth_verdict {
	enum auth_action action;
	unsigned status;
	enum auth_problem problem;
	const char
		*location;  /* for redirects; with problems: the address that starts a new login */
	const char *detail; /* a sentence for the page, no request data in it; or NULL */
	const char *allow;
	const char *gitlab_url; /* NO_ACCESS and the pages: GitLab's front page, where a person
				   signs out there first to sign in as somebody else; or NULL */
	uint32_t retry_after_s;
	struct str json;	       /* AUTH_REPLY */
	struct auth_identity identity; /* readable until auth_verdict_fini */
	struct auth_session *session;  /* AUTH_ALLOW: valid until the loop is entered again; see
					  auth_watch_start */
	const char *set_cookies[AUTH_SET_COOKIES_MAX]; /* whole Set-Cookie values */
	size_t set_cookies_count;
	struct str token_header;   /* AUTH_ALLOW: the request passes by the GitLab token in this
				      header   (lower case), which must not go on; or empty */
	struct auth_session *kept; /* whose memory holds identity; auth_verdict_fini lets go */
	const struct handover *handover; /* auth's own */
	struct arena arena;
};
void auth_verdict_init(struct auth_verdict *v);
void auth_verdict_fini(struct auth_verdict *v);

/* Later answers. The verdict passed to the call has been filled. Exactly once unless cancelled. */
typedef void auth_done_fn(struct auth_verdict *v, void *arg);

/*
 * Both return NULL when *v is filled at once (the usual case for auth_check) and done will not run;
 * otherwise done runs later, and v and nothing of facts must live until then.
 */
struct auth_call *auth_check(struct auth *a, const struct auth_facts *facts, struct auth_verdict *v,
			     auth_done_fn *done, void *arg);

enum auth_endpoint {
	AUTH_ENDPOINT_START,
	AUTH_ENDPOINT_CALLBACK,
	AUTH_ENDPOINT_SIGN_IN,
	AUTH_ENDPOINT_SIGN_OUT,
	AUTH_ENDPOINT_AUTH,
	AUTH_ENDPOINT_USERINFO,
	AUTH_ENDPOINT_PORT, /* of the workspace's own host: on to that of a port */
};
struct auth_call *auth_answer(struct auth *a, enum auth_endpoint endpoint,
			      const struct auth_facts *facts, struct auth_verdict *v,
			      auth_done_fn *done, void *arg);
void auth_cancel(struct auth_call *call);

/* Logins, sessions and questions to GitLab, counted. */
extern const struct metrics_table auth_metrics_table;
void auth_metrics_write(const struct auth *a, struct buf *out);

/* Whether GitLab answered the last request; true before the first. */
bool auth_gitlab_answers(const struct auth *a);

/*
 * "https://<port>-<name>.<zone>", where the workspace's own host is <name>.<zone> or, as GitLab
 * writes it, that with a port of its own in front. A port's host shares sessions with the
 * workspace's, and has cookies of its own: see auth/handover.h. NULL without memory.
 */
const char *auth_port_origin(const struct auth *a, uint16_t port, struct arena *arena);

/* Whether a cookie of this name is ours: it never reaches the upstream, nor may the upstream set
 * it. */
bool auth_owns_cookie(const struct auth *a, struct str name);

/* Whether the request is a top-level navigation of a person, by Sec-Fetch-*, Upgrade,
 * Accept. */
bool auth_is_navigation(const struct auth_facts *facts);

/* Whether our own page sent this, by Origin and Sec-Fetch-Site: what changes a state asks for it.
 */
bool auth_is_same_origin(const struct auth *a, const struct auth_facts *facts);

/* The session's GitLab access token; valid until the loop is entered again. NULL once it has ended.
 */
const struct secret *auth_session_token(const struct auth_session *s);

/* Wall clock, milliseconds since 1970 UTC. */
struct auth_session_times {
	int64_t opened_ms;
	int64_t answered_ms; /* GitLab's last yes */
	int64_t expires_ms;
	int64_t idle_limit_ms; /* it ends earlier when it is not used for this long */
};
struct auth_session_times auth_session_times(const struct auth_session *s);

/* While held (a clone works with a session's token) no token that still works is replaced or
 * revoked; what has to be revoked waits. GitLab ends the old token with either. */
void auth_hold_tokens(struct auth *a, bool hold);

enum auth_end { AUTH_END_SIGNED_OUT, AUTH_END_EXPIRED, AUTH_END_REFUSED };
typedef void auth_ended_fn(enum auth_end reason, void *arg);

/* Tells when the session ends. While watched (an open WebSocket, a long request) the session counts
 * as used. */
struct auth_watch {
	struct auth_session *session; /* NULL: not watching */
	struct auth_watch *next;
	struct auth_watch **link;
	auth_ended_fn *fn;
	void *arg;
};
void auth_watch_start(struct auth_watch *w, struct auth_session *s, auth_ended_fn *fn, void *arg);
void auth_watch_stop(struct auth_watch *w); /* fine when not watching */
/* Something was done with what is watched, at now_ms of the monotonic clock: says whose use was the
 * last. Fine when not watching. */
void auth_watch_note_use(struct auth_watch *w, uint64_t now_ms);

#endif
