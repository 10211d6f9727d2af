/* SPDX-License-Identifier: Apache-2.0 */
/*
 * auth/session/session_guest and auth/share: what lets a guest in, what their session is good for,
 * and what ends it.
 */
#include "tests/unit/auth/auth_fixture.h"

#include "auth/login/port_ticket.h"
#include "auth/session/session_guest.h"
#include "auth/session/session_private.h"
#include "auth/share/port_shares.h"

#define ORIGIN_3000 "https://3000-kiwi.ws.example.com"
#define ORIGIN_8080 "https://8080-kiwi.ws.example.com"
#define HOME	    "https://kiwi.ws.example.com"

static const char robin_json[] =
	"{\"id\":43,\"username\":\"robin\",\"name\":\"Robin\",\"state\":\"active\","
	"\"locked\":false,\"email\":\"r@example.com\"}";
static const char guest_tokens_json[] =
	"{\"access_token\":\"" TEST_TOKEN "\",\"token_type\":\"Bearer\",\"expires_in\":7200,"
	"\"refresh_token\":\"" TEST_REFRESH "\",\"scope\":\"openid read_user\"}";

static struct browser at_home;
static struct browser at_port;
static int told;

static int
setup(void **state)
{
	struct err e = ERR_INIT;

	(void)state;
	world_setup_settings(&world);
	assert_true(ports_parse(&world.settings.ports, STR("3000,8000-8999"), &e));
	world.settings.port_sharing_max = AUTH_AUDIENCE_PUBLIC;
	world.settings.scope = "openid read_user read_api write_repository";
	world_start(&world);
	memset(&at_home, 0, sizeof(at_home));
	memset(&at_port, 0, sizeof(at_port));
	told = -1;
	return 0;
}

static void
share(uint16_t port, enum auth_audience audience, const char *of)
{
	struct port_share_terms terms = {.port = port, .audience = audience};

	(void)snprintf(terms.members, sizeof(terms.members), "%s", of);
	assert_null(port_shares_set(world.auth->shares, &terms, 42, "sasha"));
}

static void
aim(struct test_request *r, const char *target, uint16_t port, const char *origin)
{
	request_init(r, "GET", target);
	request_as_navigation(r);
	r->facts.port = port;
	r->facts.origin = str_from(origin);
}

static void
ask_port(const char *target)
{
	struct test_request r;
	bool is_callback = str_starts_with(str_from(target), STR("/oauth2/callback"));

	aim(&r, target, 3000, ORIGIN_3000);
	world.browser = at_port;
	assert_null(is_callback ? world_answer(&world, AUTH_ENDPOINT_CALLBACK, &r)
				: world_check(&world, &r));
	at_port = world.browser;
}

static const char *
path_of(const char *origin)
{
	static char path[2048];

	assert_int_equal(world.verdict.action, AUTH_REDIRECT);
	assert_true(str_starts_with(str_from(world.verdict.location), str_from(origin)));
	(void)snprintf(path, sizeof(path), "%s", world.verdict.location + strlen(origin));
	return path;
}

/* Redirects from the port's host to GitLab. */
static void
go_to_gitlab(char state[128])
{
	struct test_request r;

	ask_port("/a");
	aim(&r, path_of(HOME), 0, NULL);
	world.browser = at_home;
	assert_null(world_answer(&world, AUTH_ENDPOINT_PORT, &r));
	assert_non_null(strstr(world.verdict.location, "scope=openid%20read_user&"));
	location_parameter(&world, "state", state, 128);
}

/* Runs the callback up to the first request to GitLab. */
static void
come_back(void)
{
	char state[128];

	go_to_gitlab(state);
	assert_non_null(world_callback(&world, state, "&code=" TEST_CODE));
}

static void
enter_as_robin(void)
{
	come_back();
	answer("/oauth/token", 200, guest_tokens_json);
	answer("/api/v4/user", 200, robin_json);
	at_home = world.browser;
	ask_port(path_of(ORIGIN_3000));
	assert_string_equal(world.verdict.location, "/a");
	ask_port("/a");
}

static void
on_ended(enum auth_end reason, void *arg)
{
	*(int *)arg = (int)reason;
}

static void
test_valid_for_one_port(void **state)
{
	struct test_request r;
	struct session_store *store = world.auth->store;

	(void)state;
	share(3000, AUTH_AUDIENCE_USERS, "robin");
	share(8080, AUTH_AUDIENCE_USERS, "robin");
	enter_as_robin();
	assert_int_equal(world.verdict.action, AUTH_ALLOW);
	assert_true(world.verdict.is_guest);
	assert_true(str_equal(world.verdict.identity.username, STR("robin")));
	assert_string_equal(session_level(world.verdict.session), "users");
	assert_false(session_is_stored(world.verdict.session));
	assert_false(session_lease_until_released(world.verdict.session));
	assert_null(session_find_for_git(store));
	assert_false(browser_has_session(&at_home));
	/* Invalid at another port's host and at the workspace's own. */
	aim(&r, "/a", 8080, ORIGIN_8080);
	world.browser = at_port;
	assert_null(world_check(&world, &r));
	(void)path_of(HOME);
	world.browser = at_port;
	assert_int_equal(world_script(&world, "/"), AUTH_PROBLEM);
	assert_problem(&world, AUTH_PROBLEM_LOGIN_REQUIRED, 401);
	/* An empty text is not a valid cookie. */
	request_init(&r, "GET", "/");
	(void)snprintf(r.cookies, sizeof(r.cookies), TEST_COOKIE "=");
	memset(&world.browser, 0, sizeof(world.browser));
	assert_null(world_check(&world, &r));
	assert_problem(&world, AUTH_PROBLEM_LOGIN_REQUIRED, 401);
}

static void
test_endpoints_for_users(void **state)
{
	struct test_request r;

	(void)state;
	share(3000, AUTH_AUDIENCE_GITLAB, "");
	enter_as_robin();
	aim(&r, "/oauth2/workspace", 3000, ORIGIN_3000);
	world_fresh_verdict(&world);
	browser_send(&at_port, &r);
	assert_null(auth_check_user(world.auth, &r.facts, &world.verdict, on_world_done, &world));
	assert_problem(&world, AUTH_PROBLEM_NO_ACCESS, 403);
}

static void
test_ends_with_its_share(void **state)
{
	struct auth_watch watch = {0};

	(void)state;
	share(3000, AUTH_AUDIENCE_USERS, "robin");
	enter_as_robin();
	auth_watch_start(&watch, world.verdict.session, on_ended, &told);
	share(3000, AUTH_AUDIENCE_USERS, "robin"); /* with the same terms */
	assert_int_equal(told, -1);
	share(3000, AUTH_AUDIENCE_USERS, "robin,alex");
	assert_int_equal(told, AUTH_END_UNSHARED);
	assert_int_equal(session_store_count(world.auth->store), 0);
	answer("/oauth/revoke", 200, "{}");
	ask_port("/a");
	(void)path_of(HOME);
}

static void
test_revoked_during_login(void **state)
{
	char flow_state[128];

	(void)state;
	share(3000, AUTH_AUDIENCE_GITLAB, "");
	come_back();
	answer("/oauth/token", 200, guest_tokens_json);
	share(3000, AUTH_AUDIENCE_OWNER, "");
	answer("/api/v4/user", 200, robin_json);
	assert_problem(&world, AUTH_PROBLEM_NOT_SHARED, 403);
	assert_int_equal(session_store_count(world.auth->store), 0);
	answer("/oauth/revoke", 200, "{}");
	/* Before the code is redeemed, GitLab is not asked. */
	share(3000, AUTH_AUDIENCE_GITLAB, "");
	go_to_gitlab(flow_state);
	share(3000, AUTH_AUDIENCE_OWNER, "");
	unsigned before = fetch_started;
	assert_null(world_callback(&world, flow_state, "&code=" TEST_CODE));
	assert_problem(&world, AUTH_PROBLEM_NOT_SHARED, 403);
	assert_int_equal(fetch_started, before);
}

static void
test_others_are_refused(void **state)
{
	(void)state;
	share(3000, AUTH_AUDIENCE_USERS, "alex,44");
	come_back();
	answer("/oauth/token", 200, guest_tokens_json);
	answer("/api/v4/user", 200, robin_json);
	assert_problem(&world, AUTH_PROBLEM_NOT_SHARED, 403);
	answer("/oauth/revoke", 200, "{}");
}

/* The user who shared the port signs in to the workspace. */
static void
test_the_sharing_user_is_no_guest(void **state)
{
	(void)state;
	share(3000, AUTH_AUDIENCE_GITLAB, "");
	come_back();
	answer("/oauth/token", 200, guest_tokens_json);
	answer("/api/v4/user", 200, USER_JSON);
	assert_int_equal(world.verdict.action, AUTH_REDIRECT);
	assert_non_null(strstr(world.verdict.location, "/oauth2/start?rd="));
	assert_non_null(strstr(world.verdict.location, "guest%3D0"));
	answer("/oauth/revoke", 200, "{}");
	assert_int_equal(session_store_count(world.auth->store), 0);
}

static void
test_public(void **state)
{
	struct auth_watch watch = {0};

	(void)state;
	share(3000, AUTH_AUDIENCE_PUBLIC, "");
	ask_port("/a");
	assert_int_equal(world.verdict.action, AUTH_ALLOW);
	assert_null(world.verdict.session);
	assert_true(str_is_empty(world.verdict.identity.username));
	auth_watch_start_public(&watch, world.auth, 3000, on_ended, &told);
	share(8080, AUTH_AUDIENCE_PUBLIC, "");
	assert_int_equal(told, -1);
	share(3000, AUTH_AUDIENCE_OWNER, "");
	assert_int_equal(told, AUTH_END_UNSHARED);
	auth_watch_stop(&watch);
	ask_port("/a");
	(void)path_of(HOME);
}

static bool
has_ended(void)
{
	return told != -1;
}

static void
test_ends_at_its_time(void **state)
{
	struct port_share_terms terms = {.port = 3000, .audience = AUTH_AUDIENCE_PUBLIC};
	struct auth_watch watch = {0};

	(void)state;
	terms.until_ms = clock_wall_ms() + 50;
	assert_null(port_shares_set(world.auth->shares, &terms, 42, "sasha"));
	auth_watch_start_public(&watch, world.auth, 3000, on_ended, &told);
	world_run_until(&world, has_ended);
	assert_null(port_shares_find(world.auth->shares, 3000));
	/* Access ends before the timer runs. */
	terms.until_ms = clock_wall_ms() + 60000;
	assert_null(port_shares_set(world.auth->shares, &terms, 42, "sasha"));
	clock_ahead_ms += 61000;
	ask_port("/a");
	assert_int_equal(world.verdict.action, AUTH_REDIRECT);
	clock_ahead_ms = 0;
}

/* The share may expire between the verdict on a request and the start of its watch. */
static void
test_ends_right_after_a_request_was_allowed(void **state)
{
	struct port_share_terms terms = {.port = 3000, .audience = AUTH_AUDIENCE_PUBLIC};
	struct auth_watch watch = {0};

	(void)state;
	terms.until_ms = clock_wall_ms() + 50;
	assert_null(port_shares_set(world.auth->shares, &terms, 42, "sasha"));
	ask_port("/a");
	assert_int_equal(world.verdict.action, AUTH_ALLOW);
	clock_ahead_ms += 50;
	auth_watch_start_public(&watch, world.auth, 3000, on_ended, &told);
	world_run_until(&world, has_ended);
	assert_int_equal(told, AUTH_END_UNSHARED);
	clock_ahead_ms = 0;
}

static void
test_as_many_as_there_may_be(void **state)
{
	struct port_share_terms terms = {.audience = AUTH_AUDIENCE_GITLAB};
	struct auth_share all[AUTH_SHARES_MAX];

	(void)state;
	for (unsigned i = 0; i < AUTH_SHARES_MAX; i++)
		share((uint16_t)(8999 - i), AUTH_AUDIENCE_GITLAB, "");
	terms.port = 8000;
	assert_non_null(port_shares_set(world.auth->shares, &terms, 42, "sasha"));
	share(8999, AUTH_AUDIENCE_PUBLIC, "");
	assert_int_equal(auth_shares(world.auth, all), AUTH_SHARES_MAX);
	for (unsigned i = 0; i < AUTH_SHARES_MAX; i++)
		assert_int_equal(all[i].port, 8999 - AUTH_SHARES_MAX + 1 + i);
	terms.port = 3001;
	assert_non_null(strstr(port_shares_set(world.auth->shares, &terms, 42, "sasha"), "port"));
}

/* Repeated logins of one guest do not evict others. */
static void
test_as_many_guests_as_there_may_be(void **state)
{
	const struct gitlab_user alex = {.id = 44, .username = "alex", .is_active = true};
	struct session_store *store = world.auth->store;
	struct auth_watch watch = {0};
	struct err e = ERR_INIT;

	(void)state;
	share(3000, AUTH_AUDIENCE_GITLAB, "");
	enter_as_robin();
	auth_watch_start(&watch, world.verdict.session, on_ended, &told);
	for (unsigned i = 0; i < SESSION_GUESTS_MAX + 10; i++) {
		struct gitlab_tokens tokens = {.access = secret_from_str(STR("x"))};
		struct auth_session *s = session_new_guest(
			store, &alex, &tokens, port_shares_find(world.auth->shares, 3000), &e);

		assert_non_null(s);
		s->cookie_returned = true;
		clock_ahead_ms++;
	}
	assert_int_equal(session_guests_count(store, 0), SESSION_GUESTS_MAX);
	assert_int_equal(told, -1);
	auth_watch_stop(&watch);
	clock_ahead_ms = 0;
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown_world)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_valid_for_one_port),
		T(test_endpoints_for_users),
		T(test_ends_with_its_share),
		T(test_revoked_during_login),
		T(test_others_are_refused),
		T(test_the_sharing_user_is_no_guest),
		T(test_public),
		T(test_ends_at_its_time),
		T(test_ends_right_after_a_request_was_allowed),
		T(test_as_many_as_there_may_be),
		T(test_as_many_guests_as_there_may_be),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
