/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the modules behind auth.h share: the one struct auth, the base of an answer that comes
 * later, reading request facts, and filling verdicts. Nothing outside auth/ includes this.
 */
#ifndef AUTH_AUTH_PRIVATE_H
#define AUTH_AUTH_PRIVATE_H

#include "auth/auth.h"
#include "auth/client_quota.h"
#include "auth/cookie.h"
#include "auth/gitlab/gitlab.h"
#include "auth/login/flow.h"
#include "auth/session/session.h"

#define AUTH_LOGINS_MAX		   64u /* between callback and session, together */
#define AUTH_LOGINS_PER_CLIENT_MAX 16u
#define AUTH_CALLS_MAX		   4096u /* answers still being found: a page's burst may wait for one */
#define AUTH_LOGIN_TIMEOUT_MS	   10000u /* from the callback to the session */
#define AUTH_RETRY_AFTER_S	   5u	  /* where GitLab does not say */
#define AUTH_VERDICT_MAX	   32768u /* bytes of a verdict's arena */

struct bearer_cache;
struct auth_credential_call;

struct auth {
	const struct auth_settings *settings;
	struct loop *loop;
	struct arena arena;
	struct str origin;	   /* the workspace's: "https://name.zone" */
	struct str port_hosts;	   /* what follows "<port>-" in the authority of a port */
	const char *redirect_uri;  /* as registered with GitLab */
	const char *authorize_url; /* as browsers see it, without a query */
	const char *gitlab_url;	   /* as browsers see it */
	const char *start_url;
	const char *sign_in_url;
	const char *relay_start_url; /* where logins begin instead of authorize_url; or NULL */
	struct cookie_box cookies;
	struct gitlab *gitlab;
	struct session_store *store;
	struct flow_ring used_flows;
	struct flow_ring used_tickets;
	struct bearer_cache *bearers; /* NULL: tokens do not count */
	uint64_t login_timeout_ms;
	uint32_t last_flow_id;
	struct auth_call *calls;
	struct auth_credential_call *credentials; /* git waits for them */
	size_t calls_count;
	struct client_quota logins;
};

/* The base of every answer that comes later; the first member of what cancel frees. */
struct auth_call {
	struct auth *auth;
	struct auth_call *next;
	struct auth_call **link;
	struct auth_verdict *verdict;
	auth_done_fn *done;
	void *arg;
	void (*cancel)(struct auth_call *call); /* unlinks and frees; done does not run */
};

bool call_may_start(const struct auth *a);
void call_link(struct auth_call *c, struct auth *a);
void call_unlink(struct auth_call *c);

/* How often the header stands there, counted up to 2; *value is the first one, trimmed. */
size_t facts_header(const struct auth_facts *facts, struct str lower_name, struct str *value);
bool facts_is_get(const struct auth_facts *facts); /* GET or HEAD */
struct str facts_query(const struct auth_facts *facts);
/* What GitLab sends back (RFC 6749 section 4.1.2): a state, and either a code or an error. NULL, or
 * a sentence that says what is wrong. */
const char *facts_read_answer(const struct auth_facts *facts, struct buf *state, struct buf *code,
			      struct buf *error);

/* Appends the query's parameter of this name, decoded; nothing when there is none. False, with a
 * sentence in *detail, when it is repeated, empty, malformed or longer than the buffer takes. */
bool facts_parameter(const struct auth_facts *facts, struct str name, struct buf *value,
		     const char **detail) MUST_CHECK;

/* The origin of the host that was asked for. */
struct str facts_own_origin(const struct auth *a, const struct auth_facts *facts);

/* Whether our own page sent this: Origin is ours, or Sec-Fetch-Site says same-origin. */
bool facts_is_same_origin(const struct auth_facts *facts, struct str origin);

/* Whether another site embeds or fetches this, rather than a person following a link. */
bool facts_is_cross_site_subrequest(const struct auth_facts *facts);

void verdict_problem(struct auth_verdict *v, enum auth_problem problem, const char *detail);
void verdict_unavailable(struct auth_verdict *v, uint32_t retry_after_s, const char *detail);
/* location lives as long as the verdict, and never holds CR or LF. */
void verdict_redirect(struct auth_verdict *v, unsigned status, const char *location);
void verdict_reply(struct auth_verdict *v, unsigned status, struct str json);
/* Shows who has this session, for as long as the verdict lives. */
void verdict_set_identity(struct auth_verdict *v, struct auth_session *s);
/* A whole Set-Cookie value; NULL or one too many makes the verdict unavailable. */
void verdict_add_cookie(struct auth_verdict *v, const char *set_cookie);

/* "/oauth2/start?rd=<target>"; the plain start address for "/". */
const char *start_url_for(const struct auth *a, struct str target, struct arena *arena);

#endif
