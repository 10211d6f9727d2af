/* SPDX-License-Identifier: Apache-2.0 */
/*
 * auth/login/port_ticket: from a session at the workspace's own host to a cookie at the host of a
 * port, and what a ticket is not good for.
 */
#include "tests/unit/auth/auth_fixture.h"

#include "auth/login/port_ticket.h"

#define ORIGIN_3000 "https://3000-kiwi.ws.example.com"
#define ORIGIN_8080 "https://8080-kiwi.ws.example.com"

static struct browser at_home; /* cookies of the workspace's own host */
static struct browser at_port; /* of the port's */

static int
setup(void **state)
{
	struct err e = ERR_INIT;

	(void)state;
	world_setup_settings(&world);
	assert_true(ports_parse(&world.settings.ports, STR("3000,8000-8999"), &e));
	world_start(&world);
	world_come_back(&world, "/");
	answer_sign_in();
	assert_true(browser_has_session(&world.browser));
	at_home = world.browser;
	memset(&at_port, 0, sizeof(at_port));
	return 0;
}

static void
aim(struct test_request *r, const char *target, uint16_t port, const char *origin)
{
	request_init(r, "GET", target);
	request_as_navigation(r);
	r->facts.port = port;
	r->facts.origin = str_from(origin);
}

/* Navigates at the port's host, through the gate or to the callback. */
static void
ask_port(const char *target, uint16_t port, const char *origin)
{
	struct test_request r;
	bool is_callback = str_starts_with(str_from(target), STR("/oauth2/callback"));

	aim(&r, target, port, origin);
	world.browser = at_port;
	assert_null(is_callback ? world_answer(&world, AUTH_ENDPOINT_CALLBACK, &r)
				: world_check(&world, &r));
	at_port = world.browser;
}

static void
ask_home(const char *target)
{
	struct test_request r;

	aim(&r, target, 0, NULL);
	world.browser = at_home;
	assert_null(world_answer(&world, AUTH_ENDPOINT_PORT, &r));
	at_home = world.browser;
}

static const char *
path_of(const char *location, const char *origin)
{
	static char path[2048];

	assert_non_null(location);
	assert_true(str_starts_with(str_from(location), str_from(origin)));
	(void)snprintf(path, sizeof(path), "%s", location + strlen(origin));
	return path;
}

/* Runs until the redirect with the ticket, and returns its path. */
static const char *
get_ticket(const char *target)
{
	ask_port(target, 3000, ORIGIN_3000);
	assert_int_equal(world.verdict.action, AUTH_REDIRECT);
	ask_home(path_of(world.verdict.location, "https://kiwi.ws.example.com"));
	assert_int_equal(world.verdict.action, AUTH_REDIRECT);
	return path_of(world.verdict.location, ORIGIN_3000);
}

static void
assert_starts_anew(void)
{
	assert_int_equal(world.verdict.action, AUTH_REDIRECT);
	(void)path_of(world.verdict.location, "https://kiwi.ws.example.com/oauth2/port?port=");
	assert_false(browser_has_session(&at_port));
}

static void
test_login_at_a_port(void **state)
{
	const char *path;

	(void)state;
	path = get_ticket("/a?b=c");
	assert_true(str_starts_with(str_from(path), STR("/oauth2/callback?state=")));
	ask_port(path, 3000, ORIGIN_3000);
	assert_int_equal(world.verdict.action, AUTH_REDIRECT);
	assert_string_equal(world.verdict.location, "/a?b=c");
	assert_true(browser_has_session(&at_port));
	assert_int_equal(at_port.count, 1);
	ask_port("/a?b=c", 3000, ORIGIN_3000);
	assert_int_equal(world.verdict.action, AUTH_ALLOW);
	assert_true(str_equal(world.verdict.identity.username, STR("sasha")));
}

/* Also for the cookie that was found last, which is found by its text. */
static void
test_cookies_end_with_their_key(void **state)
{
	struct auth_keys keys = {.count = 1};
	struct err e = ERR_INIT;

	(void)state;
	ask_port(get_ticket("/"), 3000, ORIGIN_3000);
	ask_port("/", 3000, ORIGIN_3000);
	assert_int_equal(world.verdict.action, AUTH_ALLOW);
	keys.keys[0] = secret_from_str(STR("another-key-another-key-another-"));
	assert_true(auth_replace_keys(world.auth, &keys, &e));
	secret_free(keys.keys[0]);
	ask_port("/", 3000, ORIGIN_3000);
	assert_int_equal(world.verdict.action, AUTH_REDIRECT);
}

static void
test_cookies_are_valid_on_their_host_only(void **state)
{
	struct test_request r;

	(void)state;
	ask_port(get_ticket("/"), 3000, ORIGIN_3000);
	ask_port("/", 8080, ORIGIN_8080);
	assert_int_equal(world.verdict.action, AUTH_REDIRECT);
	aim(&r, "/", 0, NULL);
	world.browser = at_port;
	assert_null(world_check(&world, &r));
	assert_int_equal(world.verdict.action, AUTH_REDIRECT);
	at_port = at_home;
	ask_port("/", 3000, ORIGIN_3000);
	assert_int_equal(world.verdict.action, AUTH_REDIRECT);
}

static void
test_a_ticket_needs_its_flows_cookie(void **state)
{
	const char *path;

	(void)state;
	path = get_ticket("/");
	memset(&at_port, 0, sizeof(at_port));
	ask_port(path, 3000, ORIGIN_3000);
	assert_starts_anew();
}

static void
test_ticket_is_valid_once(void **state)
{
	struct browser before;
	const char *path;

	(void)state;
	path = get_ticket("/");
	before = at_port;
	ask_port(path, 3000, ORIGIN_3000);
	assert_true(browser_has_session(&at_port));
	at_port = before;
	ask_port(path, 3000, ORIGIN_3000);
	assert_starts_anew();
}

static void
test_a_ticket_ends_after_a_minute(void **state)
{
	const char *path;

	(void)state;
	path = get_ticket("/");
	clock_ahead_ms += PORT_TICKET_AGE_MAX_MS - 500;
	ask_port(path, 3000, ORIGIN_3000);
	assert_true(browser_has_session(&at_port));
	memset(&at_port, 0, sizeof(at_port));
	ask_port("/", 3000, ORIGIN_3000);
	assert_starts_anew();
}

static void
test_a_ticket_that_is_too_old(void **state)
{
	const char *path;

	(void)state;
	path = get_ticket("/");
	clock_ahead_ms += PORT_TICKET_AGE_MAX_MS;
	ask_port(path, 3000, ORIGIN_3000);
	assert_starts_anew();
}

static void
test_ticket_is_valid_for_its_port_only(void **state)
{
	const char *path;

	(void)state;
	path = get_ticket("/");
	ask_port(path, 8080, ORIGIN_8080);
	assert_starts_anew();
}

static void
test_a_ticket_ends_with_its_session(void **state)
{
	struct test_request r;
	const char *path;

	(void)state;
	path = get_ticket("/");
	request_init(&r, "POST", "/oauth2/sign_out");
	request_add(&r, "origin", "https://kiwi.ws.example.com");
	world.browser = at_home;
	assert_null(world_answer(&world, AUTH_ENDPOINT_SIGN_OUT, &r));
	ask_port(path, 3000, ORIGIN_3000);
	assert_starts_anew();
	while (fetch_queue != NULL)
		answer("/oauth/revoke", 200, "{}");
}

static void
test_changed_tickets_are_refused(void **state)
{
	char path[2048];
	size_t len;
	size_t ticket;

	(void)state;
	(void)snprintf(path, sizeof(path), "%s", get_ticket("/"));
	len = strlen(path);
	ticket = str_find(str_from(path), STR("ticket=")) + strlen("ticket=");
	for (size_t i = ticket; i < len; i++) {
		struct browser before = at_port;
		char c = path[i];

		path[i] = c == 'A' ? 'B' : 'A';
		ask_port(path, 3000, ORIGIN_3000);
		assert_false(browser_has_session(&at_port));
		path[i] = c;
		at_port = before;
	}
}

static void
test_requests_for_tickets(void **state)
{
	static const char *const bad[] = {
		"/oauth2/port",
		"/oauth2/port?port=3000",
		"/oauth2/port?state=%s",
		"/oauth2/port?port=3001&state=%s",
		"/oauth2/port?port=03000&state=%s",
		"/oauth2/port?port=3000&port=3000&state=%s",
		"/oauth2/port?port=3000&state=%s&state=%s",
		"/oauth2/port?port=3000&state=%sx",
		"/oauth2/port?port=3000%00&state=%s",
		"/oauth2/port?port=300000&state=%s",
	};
	char flow_state[128];
	char target[512];

	(void)state;
	ask_port("/", 3000, ORIGIN_3000);
	location_parameter(&world, "state", flow_state, sizeof(flow_state));
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct buf out;
		struct str rest = str_from(bad[i]);

		buf_init(&out, sizeof(target) - 1);
		for (size_t at; (at = str_find(rest, STR("%s"))) != SIZE_MAX;
		     rest = str_skip(rest, at + 2)) {
			buf_add_str(&out, str_take(rest, at));
			buf_add_str(&out, str_from(flow_state));
		}
		buf_add_str(&out, rest);
		buf_add_byte(&out, '\0');
		ask_home(out.data);
		buf_fini(&out);
		assert_int_equal(world.verdict.action, AUTH_PROBLEM);
		assert_int_equal(world.verdict.status, 400);
	}
}

static void
test_a_login_in_between_leads_back(void **state)
{
	char target[512];
	struct test_request r;

	(void)state;
	ask_port("/x", 3000, ORIGIN_3000);
	(void)snprintf(target, sizeof(target), "%s",
		       path_of(world.verdict.location, "https://kiwi.ws.example.com"));
	memset(&world.browser, 0, sizeof(world.browser));
	aim(&r, target, 0, NULL);
	assert_null(world_answer(&world, AUTH_ENDPOINT_PORT, &r));
	assert_int_equal(world.verdict.action, AUTH_REDIRECT);
	{
		char flow_state[128];

		location_parameter(&world, "state", flow_state, sizeof(flow_state));
		assert_non_null(world_callback(&world, flow_state, "&code=" TEST_CODE));
	}
	answer_sign_in();
	assert_string_equal(world.verdict.location, target);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_login_at_a_port, setup, teardown_world),
		cmocka_unit_test_setup_teardown(test_cookies_end_with_their_key, setup,
						teardown_world),
		cmocka_unit_test_setup_teardown(test_cookies_are_valid_on_their_host_only, setup,
						teardown_world),
		cmocka_unit_test_setup_teardown(test_a_ticket_needs_its_flows_cookie, setup,
						teardown_world),
		cmocka_unit_test_setup_teardown(test_ticket_is_valid_once, setup, teardown_world),
		cmocka_unit_test_setup_teardown(test_a_ticket_ends_after_a_minute, setup,
						teardown_world),
		cmocka_unit_test_setup_teardown(test_a_ticket_that_is_too_old, setup,
						teardown_world),
		cmocka_unit_test_setup_teardown(test_ticket_is_valid_for_its_port_only, setup,
						teardown_world),
		cmocka_unit_test_setup_teardown(test_a_ticket_ends_with_its_session, setup,
						teardown_world),
		cmocka_unit_test_setup_teardown(test_changed_tickets_are_refused, setup,
						teardown_world),
		cmocka_unit_test_setup_teardown(test_requests_for_tickets, setup, teardown_world),
		cmocka_unit_test_setup_teardown(test_a_login_in_between_leads_back, setup,
						teardown_world),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
