/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the tests of auth/ share: request facts from literals, a browser that keeps cookies, and a
 * whole login in one call. Included by one file per program.
 */
#ifndef TESTS_UNIT_AUTH_AUTH_SUPPORT_H
#define TESTS_UNIT_AUTH_AUTH_SUPPORT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "auth/auth_private.h"
#include "auth/login/login_start.h"
#include "auth/session/session_lease.h"
#include "base/crypto/crypto.h"
#include "tests/unit/auth/auth_stubs.h"
#include "tests/unit/auth/log_text.h"

/* --- request facts --- */

#define TEST_HEADERS_MAX 16
struct test_request {
	struct auth_facts facts;
	const char *names[TEST_HEADERS_MAX];
	const char *values[TEST_HEADERS_MAX];
	size_t count;
	char cookies[8192]; /* joined Cookie header; empty: none */
};

static struct str
test_header(const void *arg, struct str lower_name, size_t index)
{
	const struct test_request *r = arg;

	if (str_equal(lower_name, STR("cookie")) && r->cookies[0] != '\0' && index-- == 0)
		return str_from(r->cookies);
	for (size_t i = 0; i < r->count; i++) {
		if (str_equal(lower_name, str_from(r->names[i])) && index-- == 0)
			return str_from(r->values[i]);
	}
	return STR_NONE;
}

UNUSED void
request_init(struct test_request *r, const char *method, const char *target)
{
	memset(r, 0, sizeof(*r));
	r->facts = (struct auth_facts){
		.method = str_from(method),
		.host = STR("kiwi.ws.example.com"),
		.target = str_from(target),
		.header = test_header,
		.header_arg = r,
	};
}

UNUSED void
request_add(struct test_request *r, const char *lower_name, const char *value)
{
	assert_true(r->count < TEST_HEADERS_MAX);
	r->names[r->count] = lower_name;
	r->values[r->count++] = value;
}

UNUSED void
request_as_navigation(struct test_request *r)
{
	request_add(r, "sec-fetch-mode", "navigate");
	request_add(r, "sec-fetch-dest", "document");
	request_add(r, "accept", "text/html,*/*;q=0.8");
}

/* --- one proxy, one browser --- */

#define BROWSER_COOKIES_MAX 24
struct browser {
	char names[BROWSER_COOKIES_MAX][96];
	char values[BROWSER_COOKIES_MAX][3200];
	size_t count;
};

struct world {
	struct auth_settings settings;
	struct loop *loop;
	struct auth *auth;
	struct arena arena;
	struct browser browser;
	struct auth_verdict verdict; /* the last one */
	unsigned done_count;
	const char *client; /* IP of the next requests; NULL: unknown */
	int log_fd;
};

#define TEST_COOKIE	"__Host-workspace-proxy"
#define TEST_TOKEN	"canary-access-0123456789abcdef"
#define TEST_REFRESH	"canary-refresh-0123456789abcdef"
#define TEST_SECRET	"canary-client-secret"
#define TEST_CODE	"canary-code-0123456789abcdef"
#define TEST_MEMBER_URL "/members/all/42"

static void
world_fill_settings(struct world *w)
{
	struct auth_settings *s = &w->settings;
	struct err e = ERR_INIT;

	assert_true(url_parse(&s->external_url, STR("https://kiwi.ws.example.com"), &w->arena, &e));
	assert_true(
		url_parse(&s->gitlab_url, STR("https://gitlab.example.com/git"), &w->arena, &e));
	assert_true(url_parse(&s->gitlab_api_url, STR("http://gitlab.internal:8080/git"), &w->arena,
			      &e));
	s->client_id = "client-1";
	s->client_secret = secret_from_str(STR(TEST_SECRET));
	s->scope = "openid read_user read_api write_repository";
	s->prefix = "/oauth2";
	s->cookie_keys.keys[0] = secret_from_str(STR("0123456789abcdef0123456789abcdef"));
	s->cookie_keys.count = 1;
	s->cookie_name = TEST_COOKIE;
	s->cookie_expire_ms = 24 * 3600 * UINT64_C(1000);
	s->session_idle_ms = 4 * 3600 * UINT64_C(1000);
	s->modes = AUTH_MODE_WORKSPACE;
	s->workspace_id = 7;
	s->project = "group/project";
	s->project_access_level = 30;
	s->group = "company/team";
	s->group_access_level = 30;
	s->owner_id = 42;
	s->authorization_interval_ms = 60000;
	s->sign_in_failures_per_address_max = 20;
	s->sign_in_failures_max = 120;
	s->authorization_grace_ms = 600000;
}

/* Call world_setup_settings, change settings for the test, then call world_start. */
UNUSED void
world_setup_settings(struct world *w)
{
	memset(w, 0, sizeof(*w));
	clock_ahead_ms = 0;
	fetch_started = 0;
	fetch_refuses = false;
	arena_init(&w->arena, 65536);
	world_fill_settings(w);
	w->log_fd = memfd_create("log", MFD_CLOEXEC);
	assert_true(w->log_fd >= 0);
	log_configure(LOG_DEBUG, LOG_JSON, w->log_fd);
}

UNUSED void
world_start(struct world *w)
{
	struct err e = ERR_INIT;

	w->loop = loop_new(&e);
	assert_non_null(w->loop);
	w->auth = auth_new(&w->settings, w->loop, NULL, &e);
	assert_non_null(w->auth);
	auth_verdict_init(&w->verdict);
}

UNUSED void
world_setup(struct world *w)
{
	world_setup_settings(w);
	world_start(w);
}

/* Checks that the log contains no secret. */
static void
world_check_log(struct world *w)
{
	const char *text = log_text(w->log_fd);

	assert_null(strstr(text, "canary"));
	for (size_t i = 0; i < w->browser.count; i++) {
		if (strlen(w->browser.values[i]) > 16)
			assert_null(strstr(text, w->browser.values[i]));
	}
	(void)close(w->log_fd);
	log_configure(LOG_OFF, LOG_JSON, STDERR_FILENO);
}

UNUSED void
world_teardown(struct world *w)
{
	auth_verdict_fini(&w->verdict);
	auth_free(w->auth);
	assert_null(fetch_queue);
	loop_free(w->loop);
	secret_free(w->settings.client_secret);
	for (size_t i = 0; i < w->settings.cookie_keys.count; i++)
		secret_free(w->settings.cookie_keys.keys[i]);
	world_check_log(w);
	arena_fini(&w->arena);
}

static void
browser_drop(struct browser *b, size_t i)
{
	b->count--;
	memmove(b->names[i], b->names[b->count], sizeof(b->names[i]));
	memmove(b->values[i], b->values[b->count], sizeof(b->values[i]));
}

/* Stores a Set-Cookie as a browser does, and checks the attributes that all our cookies must
 * have. */
static void
browser_take(struct browser *b, const char *set_cookie)
{
	struct str text = str_from(set_cookie);
	struct str name = str_take(text, str_find_byte(text, '='));
	struct str rest = str_skip(text, name.len + 1);
	struct str value = str_take(rest, str_find_byte(rest, ';'));
	bool is_removal = str_ends_with(text, STR("Max-Age=0"));

	assert_non_null(strstr(set_cookie, "; Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age="));
	assert_null(strstr(set_cookie, "Domain"));
	assert_true(str_starts_with(name, STR("__Host-")));
	assert_true(name.len + value.len < 4096);
	for (size_t i = 0; i < b->count; i++) {
		if (str_equal(str_from(b->names[i]), name))
			browser_drop(b, i--);
	}
	if (is_removal)
		return;
	assert_true(b->count < BROWSER_COOKIES_MAX);
	(void)snprintf(b->names[b->count], sizeof(b->names[0]), "%.*s", STR_FMT(name));
	(void)snprintf(b->values[b->count++], sizeof(b->values[0]), "%.*s", STR_FMT(value));
}

UNUSED const char *
browser_cookie(const struct browser *b, const char *name_start)
{
	for (size_t i = 0; i < b->count; i++) {
		if (str_starts_with(str_from(b->names[i]), str_from(name_start)))
			return b->values[i];
	}
	return NULL;
}

UNUSED bool
browser_has_session(const struct browser *b)
{
	for (size_t i = 0; i < b->count; i++) {
		if (strcmp(b->names[i], TEST_COOKIE) == 0)
			return true;
	}
	return false;
}

/* Returns the Cookie header of a browser that has lost this cookie. */
UNUSED void
browser_forget_session(struct browser *b)
{
	for (size_t i = 0; i < b->count; i++) {
		if (strcmp(b->names[i], TEST_COOKIE) == 0)
			browser_drop(b, i--);
	}
}

static void
browser_send(const struct browser *b, struct test_request *r)
{
	size_t len = strlen(r->cookies);

	for (size_t i = 0; i < b->count; i++)
		len += (size_t)snprintf(r->cookies + len, sizeof(r->cookies) - len, "%s%s=%s",
					len == 0 ? "" : "; ", b->names[i], b->values[i]);
	assert_true(len < sizeof(r->cookies));
}

static void
world_take_cookies(struct world *w)
{
	for (size_t i = 0; i < w->verdict.set_cookies_count; i++)
		browser_take(&w->browser, w->verdict.set_cookies[i]);
}

static void
on_world_done(struct auth_verdict *v, void *arg)
{
	struct world *w = arg;

	assert_ptr_equal(v, &w->verdict);
	w->done_count++;
	world_take_cookies(w);
}

static void
world_fresh_verdict(struct world *w)
{
	auth_verdict_fini(&w->verdict);
	auth_verdict_init(&w->verdict);
}

/* Sends a request of this browser through the gate. NULL: w->verdict is filled. */
UNUSED struct auth_call *
world_check(struct world *w, struct test_request *r)
{
	struct auth_call *call;

	world_fresh_verdict(w);
	r->facts.client = w->client == NULL ? STR_NONE : str_from(w->client);
	browser_send(&w->browser, r);
	call = auth_check(w->auth, &r->facts, &w->verdict, on_world_done, w);
	if (call == NULL)
		world_take_cookies(w);
	return call;
}

UNUSED struct auth_call *
world_answer(struct world *w, enum auth_endpoint endpoint, struct test_request *r)
{
	struct auth_call *call;

	world_fresh_verdict(w);
	r->facts.client = w->client == NULL ? STR_NONE : str_from(w->client);
	browser_send(&w->browser, r);
	call = auth_answer(w->auth, endpoint, &r->facts, &w->verdict, on_world_done, w);
	if (call == NULL)
		world_take_cookies(w);
	return call;
}

UNUSED enum auth_action
world_navigate(struct world *w, const char *target)
{
	struct test_request r;

	request_init(&r, "GET", target);
	request_as_navigation(&r);
	assert_null(world_check(w, &r));
	return w->verdict.action;
}

/* Sends a request of a script. */
UNUSED enum auth_action
world_script(struct world *w, const char *target)
{
	struct test_request r;

	request_init(&r, "GET", target);
	request_add(&r, "sec-fetch-mode", "cors");
	request_add(&r, "sec-fetch-dest", "empty");
	assert_null(world_check(w, &r));
	return w->verdict.action;
}

/* Decodes a parameter of the verdict's location. */
UNUSED void
location_parameter(const struct world *w, const char *name, char *out, size_t size)
{
	struct str location = str_from(w->verdict.location);
	struct str raw = STR_NONE;
	struct buf decoded;

	buf_init(&decoded, size - 1);
	assert_int_equal(url_query_find(str_skip(location, str_find_byte(location, '?') + 1),
					str_from(name), &raw),
			 1);
	assert_true(url_decode(&decoded, raw, true));
	memcpy(out, decoded.data, decoded.len);
	out[decoded.len] = '\0';
	buf_fini(&decoded);
}

/* Redirects back from GitLab with the state of the verdict. */
UNUSED struct auth_call *
world_callback(struct world *w, const char *state, const char *rest)
{
	struct test_request r;
	char target[1024];

	(void)snprintf(target, sizeof(target), "/oauth2/callback?state=%s%s", state, rest);
	request_init(&r, "GET", target);
	request_as_navigation(&r);
	return world_answer(w, AUTH_ENDPOINT_CALLBACK, &r);
}

#define TOKENS_JSON                                                                                \
	"{\"access_token\":\"" TEST_TOKEN "\",\"token_type\":\"Bearer\",\"expires_in\":7200,"      \
	"\"refresh_token\":\"" TEST_REFRESH "\",\"scope\":\"read_api\",\"created_at\":1760000000}"
#define USER_JSON                                                                                  \
	"{\"id\":42,\"username\":\"sasha\",\"name\":\"Sasha Example\",\"state\":\"active\","       \
	"\"locked\":false,\"email\":\"s@example.com\"}"
#define WORKSPACE_JSON                                                                             \
	"{\"data\":{\"currentUser\":{\"id\":\"gid://gitlab/User/42\"},\"workspace\":"              \
	"{\"id\":\"gid://gitlab/RemoteDevelopment::Workspace/7\","                                 \
	"\"user\":{\"id\":\"gid://gitlab/User/42\"}}}}"
#define FOREIGN_WORKSPACE_JSON                                                                     \
	"{\"data\":{\"currentUser\":{\"id\":\"gid://gitlab/User/42\"},\"workspace\":"              \
	"{\"id\":\"gid://gitlab/RemoteDevelopment::Workspace/7\","                                 \
	"\"user\":{\"id\":\"gid://gitlab/User/43\"}}}}"

/* Runs a login from a navigation to the first request to GitLab, which the test answers. */
UNUSED void
world_come_back(struct world *w, const char *target)
{
	char state[128];

	assert_int_equal(world_navigate(w, target), AUTH_REDIRECT);
	location_parameter(w, "state", state, sizeof(state));
	assert_non_null(world_callback(w, state, "&code=" TEST_CODE));
}

/* Runs a login until GitLab has confirmed the user and their access. */
UNUSED void
answer_sign_in(void)
{
	answer("/oauth/token", 200, TOKENS_JSON);
	answer("/api/v4/user", 200, USER_JSON);
	answer("/api/graphql", 200, WORKSPACE_JSON);
}

UNUSED void
world_sign_in(struct world *w, const char *target)
{
	unsigned before = w->done_count;

	world_come_back(w, target);
	answer_sign_in();
	assert_int_equal(w->done_count, before + 1);
	assert_int_equal(w->verdict.action, AUTH_REDIRECT);
	assert_true(browser_has_session(&w->browser));
}

UNUSED void
assert_problem(const struct world *w, enum auth_problem problem, unsigned status)
{
	assert_int_equal(w->verdict.action, AUTH_PROBLEM);
	assert_int_equal(w->verdict.problem, problem);
	assert_int_equal(w->verdict.status, status);
}

struct waiting {
	struct world *world;
	bool (*is_true)(void);
	struct loop_timer timer;
	unsigned rounds_left;
};

static void
on_waiting(void *arg)
{
	struct waiting *waiting = arg;

	if (waiting->rounds_left == 0 || (waiting->is_true != NULL && waiting->is_true()))
		loop_stop(waiting->world->loop);
	else
		loop_timer_start(&waiting->timer, 5);
	if (waiting->rounds_left > 0)
		waiting->rounds_left--;
}

static bool
world_run_rounds(struct world *w, bool (*is_true)(void), unsigned rounds)
{
	struct waiting waiting = {.world = w, .is_true = is_true, .rounds_left = rounds};
	struct err e = ERR_INIT;

	loop_timer_init(&waiting.timer, w->loop, on_waiting, &waiting);
	loop_timer_start(&waiting.timer, 1);
	assert_true(loop_run(w->loop, &e));
	loop_timer_fini(&waiting.timer);
	return is_true != NULL && is_true();
}

/* Runs the loop until the condition holds. */
UNUSED void
world_run_until(struct world *w, bool (*is_true)(void))
{
	if (!world_run_rounds(w, is_true, 2000))
		fail_msg("it did not happen within ten seconds");
}

/* Runs the loop for a while in which the condition must not become true. */
UNUSED void
world_run_for(struct world *w, unsigned ms)
{
	(void)world_run_rounds(w, NULL, ms / 5);
}

#endif
