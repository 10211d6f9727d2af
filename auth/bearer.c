/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tokens are told apart by their HMAC under a key of this process, so that neither memory nor the
 * time that a look-up takes says anything about one. One question per token at a time, few
 * questions together; a token that GitLab refused is refused for some seconds without asking.
 */
#include "auth/bearer.h"

#include <stdlib.h>

#include "auth/facts.h"
#include "auth/gitlab/policy.h"
#include "auth/session/session_lifetime.h"
#include "auth/session/session_recheck.h"
#include "auth/verdict.h"
#include "base/ascii.h"
#include "base/clock.h"
#include "base/crypto.h"

#define KNOWN_MAX	      64u
#define REFUSED_MAX	      64u
#define CHECKS_MAX	      8u
#define CHECKS_PER_CLIENT_MAX 4u
#define REFUSED_FOR_MS	      5000u

struct bearer_refusal {
	uint8_t digest[CRYPTO_SHA256_BYTES];
	uint64_t until_ms;
	enum auth_problem problem;
};

struct bearer_known {
	uint8_t digest[CRYPTO_SHA256_BYTES];
	uint8_t id[SESSION_ID_BYTES];
	uint64_t used_ms; /* 0: free */
};

/* One token that GitLab is asked about. */
struct bearer_check {
	struct bearer_cache *cache;
	struct bearer_check *next;
	struct client_quota_entry quota;
	uint8_t digest[CRYPTO_SHA256_BYTES];
	struct gitlab_tokens tokens;
	struct gitlab_user user;
	struct gitlab_call *asking;
	struct policy_check policy;
	struct bearer_wait *waits;
};

/* One request that waits for it. */
struct bearer_wait {
	struct auth_call call;
	struct gate gate;
	struct bearer_check *check;
	struct bearer_wait *next;
};

struct bearer_cache {
	struct auth *auth;
	struct secret *key;
	struct bearer_known known[KNOWN_MAX];
	struct bearer_refusal refused[REFUSED_MAX];
	size_t next_refused;
	struct bearer_check *checks;
	struct client_quota quota; /* of the checks */
};

struct bearer_cache *
bearer_cache_new(struct auth *a, struct err *e)
{
	struct bearer_cache *c = calloc(1, sizeof(*c));
	uint8_t key[CRYPTO_KEY_BYTES];

	if (c == NULL) {
		err_set(e, ERR_MEMORY, "tokens");
		return NULL;
	}
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
check_free(struct bearer_check *check)
{
	struct bearer_check **at = &check->cache->checks;

	while (*at != check)
		at = &(*at)->next;
	*at = check->next;
	client_quota_remove(&check->cache->quota, &check->quota);
	gitlab_cancel(check->asking);
	policy_cancel(&check->policy);
	gitlab_tokens_fini(&check->tokens);
	free(check);
}

void
bearer_cache_free(struct bearer_cache *c)
{
	if (c == NULL)
		return;
	while (c->checks != NULL)
		check_free(c->checks);
	secret_free(c->key);
	free(c);
}

static bool
same_digest(const uint8_t *a, const uint8_t *b)
{
	return crypto_equal((struct str){(const char *)a, CRYPTO_SHA256_BYTES},
			    (struct str){(const char *)b, CRYPTO_SHA256_BYTES});
}

/* Requests that wait */

/* The question goes on: the next request finds its answer. */
static void
on_cancel(struct auth_call *call)
{
	struct bearer_wait *w = (struct bearer_wait *)call;
	struct bearer_wait **at = &w->check->waits;

	while (*at != w)
		at = &(*at)->next;
	*at = w->next;
	call_unlink(&w->call);
	free(w);
}

/* A copy of the first one, which is gone then. False: nobody waits. */
static bool
take_first(struct bearer_check *check, struct bearer_wait *copy)
{
	struct bearer_wait *w = check->waits;

	if (w == NULL)
		return false;
	*copy = *w;
	check->waits = w->next;
	call_unlink(&w->call);
	free(w);
	return true;
}

static bool
wait_start(struct bearer_check *check, const struct gate *g, struct auth_verdict *v,
	   struct auth_call **call)
{
	struct auth *a = check->cache->auth;
	struct bearer_wait *w = call_may_start(a) ? calloc(1, sizeof(*w)) : NULL;

	if (w == NULL)
		return false;
	w->gate = *g;
	w->call.verdict = v;
	w->call.done = g->done;
	w->call.arg = g->arg;
	w->call.cancel = on_cancel;
	w->check = check;
	w->next = check->waits;
	check->waits = w;
	call_link(&w->call, a);
	*call = &w->call;
	return true;
}

static void
refuse(const struct auth *a, enum auth_problem problem, struct auth_verdict *v)
{
	verdict_problem(v, problem, NULL);
	v->location = a->start_url;
}

/* Answers */

/* s is looked up anew each time: whoever is told may end it. */
static void
tell_known(struct bearer_check *check, const uint8_t id[SESSION_ID_BYTES])
{
	struct auth *a = check->cache->auth;
	struct bearer_wait w;

	while (take_first(check, &w)) {
		struct auth_session *s = session_find_id(a->store, id);

		if (s == NULL)
			refuse(a, AUTH_PROBLEM_LOGIN_REQUIRED, w.call.verdict);
		else
			w.gate.pass(a, s, w.call.verdict);
		w.call.done(w.call.verdict, w.call.arg);
	}
}

static void
tell_refused(struct bearer_check *check, enum auth_problem problem, uint32_t retry_after_s)
{
	struct bearer_wait w;

	while (take_first(check, &w)) {
		if (problem == AUTH_PROBLEM_GITLAB_UNAVAILABLE)
			verdict_unavailable(w.call.verdict, retry_after_s, NULL);
		else
			refuse(check->cache->auth, problem, w.call.verdict);
		w.call.done(w.call.verdict, w.call.arg);
	}
}

static void
end_refused(struct bearer_check *check, enum auth_problem problem, const struct err *why)
{
	struct bearer_cache *c = check->cache;
	struct bearer_refusal *r = &c->refused[c->next_refused++ % REFUSED_MAX];

	log_info(NULL, "API token refused", log_err(why));
	memcpy(r->digest, check->digest, sizeof(r->digest));
	r->until_ms = clock_monotonic_ms() + REFUSED_FOR_MS;
	r->problem = problem;
	tell_refused(check, problem, 0);
	check_free(check);
}

static void
end_unavailable(struct bearer_check *check, const struct err *why, uint32_t retry_after_s)
{
	log_warn(NULL, "API token not verified", log_err(why));
	tell_refused(check, AUTH_PROBLEM_GITLAB_UNAVAILABLE, retry_after_s);
	check_free(check);
}

/* A free place, or that of the token that was not used for longest, whose session ends. */
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
	return oldest;
}

static void
end_known(struct bearer_check *check)
{
	struct bearer_cache *c = check->cache;
	struct bearer_known *place = make_room(c);
	struct err e = ERR_INIT;
	struct auth_session *s =
		session_new_for_token(c->auth->store, &check->user, &check->tokens, &e);

	if (s == NULL) {
		place->used_ms = 0;
		end_unavailable(check, &e, 0);
		return;
	}
	log_info(NULL, "API token accepted", log_cstr("user", check->user.username));
	client_rate_refund(gitlab_client_rate(c->auth->gitlab), check->quota.client);
	memcpy(place->digest, check->digest, sizeof(place->digest));
	memcpy(place->id, session_id(s), sizeof(place->id));
	place->used_ms = clock_monotonic_ms();
	tell_known(check, place->id);
	check_free(check);
}

static void
on_policy(const struct policy_result *result, void *arg)
{
	struct bearer_check *check = arg;

	switch (result->verdict) {
	case POLICY_ALLOWED:
		end_known(check);
		return;
	case POLICY_REFUSED:
	case POLICY_MISCONFIGURED:
		end_refused(check, AUTH_PROBLEM_NO_ACCESS, &result->err);
		return;
	case POLICY_TOKEN_INVALID:
		end_refused(check, AUTH_PROBLEM_LOGIN_REQUIRED, &result->err);
		return;
	case POLICY_PENDING:
	case POLICY_UNKNOWN:
		break;
	}
	end_unavailable(check, &result->err, result->retry_after_s);
}

static void
on_user(struct gitlab_answer *answer, void *arg)
{
	struct bearer_check *check = arg;
	struct policy_subject subject;
	struct policy_result result;
	struct err why = answer->err;

	check->asking = NULL;
	switch (answer->outcome) {
	case GITLAB_OK:
		break;
	case GITLAB_NO:
	case GITLAB_FORBIDDEN:
	case GITLAB_REFUSES_US: /* the token's scope is too small */
		end_refused(check, AUTH_PROBLEM_NO_ACCESS, &why);
		return;
	case GITLAB_TOKEN_INVALID:
	case GITLAB_GRANT_INVALID:
		end_refused(check, AUTH_PROBLEM_LOGIN_REQUIRED, &why);
		return;
	case GITLAB_UNAVAILABLE:
	case GITLAB_LOST:
		end_unavailable(check, &why, answer->retry_after_s);
		return;
	}
	check->user = answer->user;
	if (!check->user.is_active) {
		err_set(&why, ERR_DENIED, "the account is blocked, locked or not active");
		end_refused(check, AUTH_PROBLEM_NO_ACCESS, &why);
		return;
	}
	subject = (struct policy_subject){
		.token = check->tokens.access, .user_id = check->user.id, .is_fresh = true};
	if (policy_start(&check->policy, &subject, &result, on_policy, check) != POLICY_PENDING)
		on_policy(&result, check);
}

/* Looking up */

/* What GitLab is to be asked about. */
struct bearer_question {
	struct str token;
	struct str client;
	uint8_t digest[CRYPTO_SHA256_BYTES];
};

static struct bearer_check *
check_start(struct bearer_cache *c, const struct bearer_question *q, uint32_t *retry_after_s)
{
	bool may_start =
		client_quota_has_room(&c->quota, q->client, CHECKS_MAX, CHECKS_PER_CLIENT_MAX) &&
		client_rate_charge(gitlab_client_rate(c->auth->gitlab), q->client, retry_after_s);
	struct bearer_check *check = may_start ? calloc(1, sizeof(*check)) : NULL;

	if (check == NULL)
		return NULL;
	check->cache = c;
	check->next = c->checks;
	c->checks = check;
	client_quota_add(&c->quota, &check->quota, q->client);
	memcpy(check->digest, q->digest, sizeof(check->digest));
	check->policy.gitlab = c->auth->gitlab;
	check->policy.settings = c->auth->settings;
	check->tokens.access = secret_from_str(q->token);
	if (check->tokens.access != NULL)
		check->asking =
			gitlab_get_user(c->auth->gitlab, check->tokens.access, on_user, check);
	if (check->asking == NULL) {
		check_free(check);
		return NULL;
	}
	return check;
}

static bool
is_token(struct str s)
{
	return s.len > 0 && s.len <= GITLAB_TOKEN_MAX && ascii_all_visible(s);
}

/* The one token of a request, and in which header it stands. */
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

static const struct bearer_refusal *
find_refused(const struct bearer_cache *c, const uint8_t digest[CRYPTO_SHA256_BYTES])
{
	uint64_t now_ms = clock_monotonic_ms();

	for (size_t i = 0; i < REFUSED_MAX; i++) {
		const struct bearer_refusal *r = &c->refused[i];

		if (r->until_ms > now_ms && same_digest(r->digest, digest))
			return r;
	}
	return NULL;
}

static struct bearer_check *
find_check(const struct bearer_cache *c, const uint8_t digest[CRYPTO_SHA256_BYTES])
{
	struct bearer_check *check = c->checks;

	while (check != NULL && !same_digest(check->digest, digest))
		check = check->next;
	return check;
}

static struct bearer_result
ask(struct bearer_cache *c, const struct gate *g, const struct bearer_question *q,
    struct auth_verdict *v)
{
	struct bearer_result result = {.state = BEARER_ASKING};
	struct bearer_check *check = find_check(c, q->digest);
	uint32_t retry_after_s = 1;

	if (check == NULL)
		check = check_start(c, q, &retry_after_s);
	if (check != NULL && wait_start(check, g, v, &result.call))
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
	const struct bearer_refusal *refusal;

	if (c == NULL || !read_token(facts, &q.token, &v->token_header))
		return result;
	if (!crypto_hmac_sha256(secret_view(c->key), q.token, q.digest, NULL)) {
		verdict_unavailable(v, 0, NULL);
		result.state = BEARER_REFUSED;
		return result;
	}
	result.session = find_known(c, q.digest);
	refusal = result.session == NULL ? find_refused(c, q.digest) : NULL;
	if (result.session != NULL) {
		result.state = BEARER_KNOWN;
	} else if (refusal != NULL) {
		refuse(a, refusal->problem, v);
		result.state = BEARER_REFUSED;
	} else {
		result = ask(c, g, &q, v);
	}
	return result;
}
