/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The cache of API tokens: the session of each token, recently refused tokens, and pending checks.
 *
 * Tokens are compared by their HMAC under a key of this process, so that neither memory nor the
 * time of a look-up reveals one. Each token is checked once, however many requests wait for the
 * result, and the number of concurrent checks is limited. A refused token is refused for some
 * seconds without another check.
 */
#include "auth/gate/bearer.h"

#include <stdlib.h>

#include "auth/gate/bearer_check.h"
#include "auth/gate/facts.h"
#include "auth/gate/verdict_fill.h"
#include "auth/session/session_lifetime.h"
#include "auth/session/session_recheck.h"
#include "base/ascii.h"
#include "base/clock.h"
#include "base/crypto/crypto.h"
#include "base/crypto/crypto_equal.h"

#define KNOWN_MAX	      64u
#define REFUSED_MAX	      64u
#define CHECKS_MAX	      8u
#define CHECKS_RESERVED	      2u /* reserved for clients that have signed in before */
#define CHECKS_PER_CLIENT_MAX 4u
#define REFUSED_FOR_MS	      5000u

struct bearer_refused {
	uint8_t digest[CRYPTO_SHA256_BYTES];
	uint64_t until_ms;
	struct bearer_refusal why;
};

struct bearer_known {
	uint8_t digest[CRYPTO_SHA256_BYTES];
	uint8_t id[SESSION_ID_BYTES];
	uint64_t used_ms; /* 0: free */
};

/* A token that is being checked with GitLab. */
struct bearer_pending {
	struct bearer_cache *cache;
	LIST_ENTRY(bearer_pending) entry;
	struct client_quota_entry quota;
	uint8_t digest[CRYPTO_SHA256_BYTES];
	struct bearer_check check;
	LIST_HEAD(, bearer_wait) waits;
};

/* A request that waits for this check. */
struct bearer_wait {
	struct auth_call call;
	struct gate gate;
	LIST_ENTRY(bearer_wait) entry;
};

struct bearer_cache {
	struct auth *auth;
	struct secret *key;
	struct bearer_known known[KNOWN_MAX];
	struct bearer_refused refused[REFUSED_MAX];
	size_t next_refused;
	LIST_HEAD(, bearer_pending) pending;
	struct client_quota quota; /* running checks, by client */
};

struct bearer_cache *
bearer_cache_new(struct auth *a, struct err *e)
{
	struct bearer_cache *c = err_alloc(e, sizeof(*c), "tokens");
	uint8_t key[CRYPTO_KEY_BYTES];

	if (c == NULL)
		return NULL;
	crypto_random(key, sizeof(key));
	c->auth = a;
	c->key = secret_new(key, sizeof(key));
	secret_wipe(key, sizeof(key));
	if (c->key == NULL) {
		free(c);
		err_set(e, ERR_MEMORY, "tokens");
		return NULL;
	}
	return c;
}

static void
pending_free(struct bearer_pending *p)
{
	LIST_REMOVE(p, entry);
	client_quota_remove(&p->cache->quota, &p->quota);
	bearer_check_fini(&p->check);
	free(p);
}

void
bearer_cache_free(struct bearer_cache *c)
{
	if (c == NULL)
		return;
	while (!LIST_EMPTY(&c->pending))
		/* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): it unlinks itself */
		pending_free(LIST_FIRST(&c->pending));
	secret_free(c->key);
	free(c);
}

static bool
same_digest(const uint8_t *a, const uint8_t *b)
{
	return crypto_equal((struct str){(const char *)a, CRYPTO_SHA256_BYTES},
			    (struct str){(const char *)b, CRYPTO_SHA256_BYTES});
}

/* Waiting requests */

static void
wait_free(struct bearer_wait *w)
{
	LIST_REMOVE(w, entry);
	auth_unlink_call(&w->call);
	free(w);
}

/* Cancels a request. The check continues, so that the next request with this token finds its
 * result. */
static void
on_cancel(struct auth_call *call)
{
	wait_free((struct bearer_wait *)call);
}

/* Copies the first waiting request and frees it. False: there is none. */
static bool
take_first(struct bearer_pending *p, struct bearer_wait *copy)
{
	struct bearer_wait *w = LIST_FIRST(&p->waits);

	if (w == NULL)
		return false;
	/* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): what was freed has left the list */
	*copy = *w;
	wait_free(w);
	return true;
}

static bool
wait_start(struct bearer_pending *p, const struct gate *g, struct auth_verdict *v,
	   struct auth_call **call)
{
	struct auth *a = p->cache->auth;
	struct bearer_wait *w = auth_may_start_call(a) ? calloc(1, sizeof(*w)) : NULL;

	if (w == NULL)
		return false;
	w->gate = *g;
	w->call.verdict = v;
	w->call.done = g->done;
	w->call.arg = g->arg;
	w->call.cancel = on_cancel;
	LIST_INSERT_HEAD(&p->waits, w, entry);
	auth_link_call(&w->call, a);
	*call = &w->call;
	return true;
}

static void
fill_refusal(const struct auth *a, const struct bearer_refusal *why, struct auth_verdict *v)
{
	verdict_refuse(a, v, why->problem, NULL);
	if (why->problem == AUTH_PROBLEM_LOGIN_REQUIRED)
		v->challenge = "error=\"invalid_token\"";
	if (why->missing_scope == NULL)
		return;
	v->detail = arena_printf(&v->arena, "The missing scope is %s.", why->missing_scope);
	v->challenge = arena_printf(&v->arena, "error=\"insufficient_scope\", scope=\"%s\"",
				    why->missing_scope);
}

/* Answers to waiting requests */

/* Looks the session up for each request, because a callback may end it. */
static void
answer_with_session(struct bearer_pending *p, const uint8_t id[SESSION_ID_BYTES])
{
	const struct bearer_refusal ended = {.problem = AUTH_PROBLEM_LOGIN_REQUIRED};
	struct auth *a = p->cache->auth;
	struct bearer_wait w;

	while (take_first(p, &w)) {
		struct auth_session *s = session_find_id(a->store, id);

		if (s == NULL)
			fill_refusal(a, &ended, w.call.verdict);
		else
			w.gate.on_allowed(a, s, w.call.verdict);
		w.call.done(w.call.verdict, w.call.arg);
	}
}

static void
reject(struct bearer_pending *p, const struct bearer_answer *answer)
{
	struct bearer_cache *c = p->cache;
	struct bearer_refused *r = &c->refused[c->next_refused++ % REFUSED_MAX];
	struct bearer_wait w;

	log_info(NULL, "API token refused", log_err(&answer->err));
	memcpy(r->digest, p->digest, sizeof(r->digest));
	r->until_ms = clock_monotonic_ms() + REFUSED_FOR_MS;
	r->why = answer->refusal;
	while (take_first(p, &w)) {
		fill_refusal(c->auth, &answer->refusal, w.call.verdict);
		w.call.done(w.call.verdict, w.call.arg);
	}
}

static void
report_unverified(struct bearer_pending *p, const struct err *why, uint32_t retry_after_s)
{
	struct bearer_wait w;

	log_warn(NULL, "API token not verified", log_err(why));
	while (take_first(p, &w)) {
		verdict_not_answered(w.call.verdict, retry_after_s, why->code);
		w.call.done(w.call.verdict, w.call.arg);
	}
}

/* Returns a free entry, or that of the least recently used token, whose session ends. */
static struct bearer_known *
make_room(struct bearer_cache *c)
{
	struct bearer_known *oldest = &c->known[0];
	struct auth_session *s;

	for (size_t i = 1; i < KNOWN_MAX; i++) {
		if (c->known[i].used_ms < oldest->used_ms)
			oldest = &c->known[i];
	}
	s = oldest->used_ms == 0 ? NULL : session_find_id(c->auth->store, oldest->id);
	if (s != NULL)
		session_end(s, AUTH_END_EXPIRED);
	oldest->used_ms = 0;
	return oldest;
}

static void
accept_token(struct bearer_pending *p)
{
	struct bearer_cache *c = p->cache;
	struct bearer_known *known = make_room(c);
	struct err e = ERR_INIT;
	struct auth_session *s =
		session_new_for_token(c->auth->store, &p->check.user, &p->check.tokens, &e);

	if (s == NULL) {
		report_unverified(p, &e, 0);
		return;
	}
	log_info(NULL, "API token accepted", log_cstr("user", p->check.user.username));
	client_rate_note_success(gitlab_client_rate(c->auth->gitlab), p->quota.client);
	memcpy(known->digest, p->digest, sizeof(known->digest));
	memcpy(known->id, session_id(s), sizeof(known->id));
	known->used_ms = clock_monotonic_ms();
	answer_with_session(p, known->id);
}

static void
on_checked(const struct bearer_answer *answer, void *arg)
{
	struct bearer_pending *p = arg;

	switch (answer->outcome) {
	case BEARER_ACCEPTED:
		accept_token(p);
		break;
	case BEARER_REJECTED:
		reject(p, answer);
		break;
	case BEARER_UNVERIFIED:
		report_unverified(p, &answer->err, answer->retry_after_s);
		break;
	}
	pending_free(p);
}

/* Finding tokens */

/* A token without an entry. */
struct bearer_question {
	struct str token;
	struct str client;
	uint8_t digest[CRYPTO_SHA256_BYTES];
};

static bool
may_start(struct bearer_cache *c, struct str client, enum fetch_priority priority,
	  uint32_t *retry_after_s)
{
	size_t max = priority == FETCH_NORMAL ? CHECKS_MAX : CHECKS_MAX - CHECKS_RESERVED;

	return client_quota_has_room(&c->quota, client, max, CHECKS_PER_CLIENT_MAX) &&
	       client_rate_charge(gitlab_client_rate(c->auth->gitlab), client, retry_after_s);
}

static struct bearer_pending *
pending_start(struct bearer_cache *c, const struct bearer_question *q, uint32_t *retry_after_s)
{
	enum fetch_priority priority =
		gitlab_client_priority(c->auth->gitlab, client_key(q->client));
	struct bearer_pending *p = NULL;

	if (may_start(c, q->client, priority, retry_after_s))
		p = calloc(1, sizeof(*p));
	if (p == NULL)
		return NULL;
	p->cache = c;
	LIST_INSERT_HEAD(&c->pending, p, entry);
	client_quota_add(&c->quota, &p->quota, q->client);
	memcpy(p->digest, q->digest, sizeof(p->digest));
	p->check.policy.gitlab = c->auth->gitlab;
	p->check.policy.settings = c->auth->settings;
	p->check.priority = priority;
	p->check.done = on_checked;
	p->check.arg = p;
	if (!bearer_check_start(&p->check, q->token)) {
		pending_free(p);
		return NULL;
	}
	return p;
}

static bool
is_token(struct str s)
{
	return s.len > 0 && s.len <= GITLAB_TOKEN_MAX && ascii_all_visible(s);
}

/* Finds the token of a request that has exactly one, and the header that contains it. */
static bool
read_token(const struct auth_facts *facts, struct str *token, struct str *header)
{
	struct str bearer;
	struct str private_token;
	size_t bearers = facts_header(facts, STR("authorization"), &bearer);
	size_t privates = facts_header(facts, STR("private-token"), &private_token);

	if (privates == 1 && is_token(private_token)) {
		*token = private_token;
		*header = STR("private-token");
		return true;
	}
	if (privates > 0 || bearers != 1 || !str_starts_with_nocase(bearer, STR("bearer ")))
		return false;
	*token = str_trim(str_skip(bearer, strlen("bearer ")));
	*header = STR("authorization");
	return is_token(*token);
}

static struct auth_session *
find_known(struct bearer_cache *c, const uint8_t digest[CRYPTO_SHA256_BYTES])
{
	for (size_t i = 0; i < KNOWN_MAX; i++) {
		struct bearer_known *k = &c->known[i];
		struct auth_session *s;

		if (k->used_ms == 0 || !same_digest(k->digest, digest))
			continue;
		s = session_find_id(c->auth->store, k->id);
		if (s == NULL || session_has_expired(s)) {
			k->used_ms = 0;
			return NULL;
		}
		k->used_ms = clock_monotonic_ms();
		session_require_answer(s);
		return s;
	}
	return NULL;
}

static const struct bearer_refused *
find_refused(const struct bearer_cache *c, const uint8_t digest[CRYPTO_SHA256_BYTES])
{
	uint64_t now_ms = clock_monotonic_ms();

	for (size_t i = 0; i < REFUSED_MAX; i++) {
		const struct bearer_refused *r = &c->refused[i];

		if (r->until_ms > now_ms && same_digest(r->digest, digest))
			return r;
	}
	return NULL;
}

static struct bearer_pending *
find_pending(const struct bearer_cache *c, const uint8_t digest[CRYPTO_SHA256_BYTES])
{
	struct bearer_pending *p;

	LIST_FOREACH (p, &c->pending, entry) {
		if (same_digest(p->digest, digest))
			return p;
	}
	return NULL;
}

/* Waits for the check of this token; starts it unless it is running. */
static struct bearer_result
wait_for_check(struct bearer_cache *c, const struct gate *g, const struct bearer_question *q,
	       struct auth_verdict *v)
{
	struct bearer_result result = {.state = BEARER_ASKING};
	struct bearer_pending *p = find_pending(c, q->digest);
	uint32_t retry_after_s = 1;

	if (p == NULL)
		p = pending_start(c, q, &retry_after_s);
	if (p != NULL && wait_start(p, g, v, &result.call))
		return result;
	verdict_unavailable(v, retry_after_s, NULL);
	result.state = BEARER_REFUSED;
	return result;
}

struct bearer_result
bearer_find(struct auth *a, const struct gate *g, const struct auth_facts *facts,
	    struct auth_verdict *v)
{
	struct bearer_cache *c = a->bearers;
	struct bearer_result result = {.state = BEARER_NONE};
	struct bearer_question q = {.client = facts->client};
	const struct bearer_refused *refused;

	if (c == NULL || !read_token(facts, &q.token, &v->token_header))
		return result;
	if (!crypto_hmac_sha256(secret_view(c->key), q.token, q.digest, NULL)) {
		verdict_unavailable(v, 0, NULL);
		result.state = BEARER_REFUSED;
		return result;
	}
	result.session = find_known(c, q.digest);
	refused = result.session == NULL ? find_refused(c, q.digest) : NULL;
	if (result.session != NULL) {
		result.state = BEARER_KNOWN;
	} else if (refused != NULL) {
		fill_refusal(a, &refused->why, v);
		result.state = BEARER_REFUSED;
	} else {
		result = wait_for_check(c, g, &q, v);
	}
	return result;
}
