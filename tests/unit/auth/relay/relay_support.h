/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the tests of the relay share: a relay, and a browser that goes through it.
 */
#ifndef TESTS_UNIT_AUTH_RELAY_RELAY_SUPPORT_H
#define TESTS_UNIT_AUTH_RELAY_RELAY_SUPPORT_H

#include "tests/unit/auth/auth_support.h"

#include "auth/relay/relay_state.h"

struct stage {
	struct world world; /* the sidecar of kiwi.ws.example.com */
	struct relay_settings settings;
	struct relay *relay;
	struct relay *replica;	/* another process with the same settings */
	struct browser browser; /* the cookies that it has for the relay */
	struct auth_verdict verdict;
	char state[COOKIE_TEXT_MAX + 1]; /* the state in the last redirect to GitLab */
};

static inline int
setup(void **state)
{
	struct stage *s = calloc(1, sizeof(*s));
	struct auth_settings *sidecar = &s->world.settings;
	struct err e = ERR_INIT;

	assert_non_null(s);
	world_setup_settings(&s->world);
	assert_true(url_parse(&sidecar->relay_url, STR("https://relay.ws.example.com/base"),
			      &s->world.arena, &e));
	s->settings.url = sidecar->relay_url;
	s->settings.gitlab_url = sidecar->gitlab_url;
	s->settings.client_id = sidecar->client_id;
	s->settings.scope = sidecar->scope;
	s->settings.master_keys.keys[0] = secret_from_str(STR("master key of thirty-two bytes!!"));
	s->settings.master_keys.count = 1;
	s->settings.zones.items[0] = STR("ws.example.com");
	s->settings.zones.count = 1;
	sidecar->relay_key =
		relay_derive_key(s->settings.master_keys.keys[0], STR("kiwi.ws.example.com"), &e);
	assert_non_null(sidecar->relay_key);
	world_start(&s->world);
	s->relay = relay_new(&s->settings, &e);
	s->replica = relay_new(&s->settings, &e);
	assert_true(s->relay != NULL && s->replica != NULL);
	auth_verdict_init(&s->verdict);
	*state = s;
	return 0;
}

static inline int
teardown(void **state)
{
	struct stage *s = *state;

	auth_verdict_fini(&s->verdict);
	relay_free(s->replica);
	relay_free(s->relay);
	secret_free(s->settings.master_keys.keys[0]);
	secret_free(s->world.settings.relay_key);
	world_teardown(&s->world);
	free(s);
	return 0;
}

/* Navigates with this browser and stores its cookies. */
static inline void
ask(struct stage *s, const struct relay *relay, struct browser *b, enum relay_endpoint endpoint,
    const char *query)
{
	static const struct log_context log = {.parent = NULL};
	struct test_request r;
	char target[8192 + 16];

	(void)snprintf(target, sizeof(target), "/base/x?%s", query);
	request_init(&r, "GET", target);
	request_as_navigation(&r);
	r.facts.log = &log;
	browser_send(b, &r);
	auth_verdict_fini(&s->verdict);
	auth_verdict_init(&s->verdict);
	relay_answer(relay, endpoint, &r.facts, &s->verdict);
	for (size_t i = 0; i < s->verdict.set_cookies_count; i++)
		browser_take(b, s->verdict.set_cookies[i]);
}

static inline void
assert_refused(const struct stage *s, enum auth_problem problem, unsigned status)
{
	assert_int_equal(s->verdict.action, AUTH_PROBLEM);
	assert_int_equal(s->verdict.problem, problem);
	assert_int_equal(s->verdict.status, status);
	if (s->verdict.location != NULL)
		assert_string_equal(s->verdict.location, "https://kiwi.ws.example.com/");
}

/* Returns the query with which the sidecar redirects to the relay. */
static inline const char *
sidecar_query(struct stage *s)
{
	static const char start[] = "https://relay.ws.example.com/base/start?";

	assert_int_equal(world_navigate(&s->world, "/lab"), AUTH_REDIRECT);
	assert_true(str_starts_with(str_from(s->world.verdict.location), str_from(start)));
	return s->world.verdict.location + strlen(start);
}

static inline void
query_value(const char *location, const char *name, char *out, size_t size)
{
	const char *mark = strchr(location, '?');
	struct str raw = STR_NONE;
	struct buf value;

	assert_non_null(mark);
	assert_int_equal(url_query_find(str_from(mark + 1), str_from(name), &raw), 1);
	buf_init(&value, size - 1);
	assert_true(url_decode(&value, raw, true));
	(void)snprintf(out, size, "%.*s", STR_FMT(buf_view(&value)));
	buf_fini(&value);
}

/* Redirects from the sidecar to the relay and to GitLab. */
static inline void
begin(struct stage *s, const struct relay *relay, struct browser *b)
{
	ask(s, relay, b, RELAY_START, sidecar_query(s));
	assert_int_equal(s->verdict.action, AUTH_REDIRECT);
	assert_int_equal(s->verdict.status, 302);
	query_value(s->verdict.location, "state", s->state, sizeof(s->state));
}

static inline void
come_back(struct stage *s, const struct relay *relay, struct browser *b, const char *answer_text)
{
	char query[8192];

	(void)snprintf(query, sizeof(query), "%s&state=%s", answer_text, s->state);
	ask(s, relay, b, RELAY_CALLBACK, query);
}

#define RELAY_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

#endif
