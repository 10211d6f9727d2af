/* SPDX-License-Identifier: Apache-2.0 */
/*
 * proxy/exchange/route for a sidecar: hosts by name, our endpoints by exact raw path; everything
 * else goes to the IDE.
 */
#include "proxy/exchange/route.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>

#include "tests/unit/count.h"

static const struct proxy sidecar = {
	.hosts = {{"ws.example", 10}, {"ws.example:443", 14}},
	.prefix = {"/oauth2", 7},
};

static struct route
find(const char *authority, const char *path)
{
	const struct request_head r = {
		.authority = str_from(authority),
		.path = str_from(path),
		.target = str_from(path),
	};

	return route_find(&sidecar, &r);
}

static void
test_endpoints(void **state)
{
	static const struct {
		const char *path;
		enum auth_endpoint endpoint;
	} cases[] = {
		{"/oauth2/start", AUTH_ENDPOINT_START},
		{"/oauth2/callback", AUTH_ENDPOINT_CALLBACK},
		{"/oauth2/sign_in", AUTH_ENDPOINT_SIGN_IN},
		{"/oauth2/sign_out", AUTH_ENDPOINT_SIGN_OUT},
		{"/oauth2/auth", AUTH_ENDPOINT_AUTH},
		{"/oauth2/userinfo", AUTH_ENDPOINT_USERINFO},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct route r = find("ws.example", cases[i].path);
		assert_int_equal(r.kind, ROUTE_AUTH);
		assert_int_equal(r.endpoint, cases[i].endpoint);
	}
	assert_int_equal(find("ws.example", "/oauth2/workspace").kind, ROUTE_WORKSPACE);
	assert_int_equal(find("ws.example", "/oauth2/workspace/log").kind, ROUTE_LOG);
}

/* Below our prefix nothing but the exact names; every other spelling is the IDE's, behind the
 * gate. */
static void
test_no_other_spelling_is_an_endpoint(void **state)
{
	static const char *const unknown[] = {
		"/oauth2",
		"/oauth2/",
		"/oauth2/start/",
		"/oauth2//start",
		"/oauth2/./start",
		"/oauth2/x/../start",
		"/oauth2/START",
		"/oauth2/start;a",
		"/oauth2/start%00",
		"/oauth2/%73tart",
		"/oauth2/start%2f",
		"/oauth2/start\\",
		"/oauth2/auth/../../",
		"/oauth2/workspace/",
		"/oauth2/workspace/log/",
		"/oauth2/workspace//log",
		"/oauth2/callback.js",
	};
	static const char *const upstream[] = {
		"/",
		"//oauth2/start",
		"/oauth2x/start",
		"/oauth2%2fstart",
		"/OAUTH2/start",
		"/oauth2;/start",
		"/oauth%32/start",
		"/./oauth2/start",
		"/a/../oauth2/x",
		"/\\oauth2/start",
		"/%6fauth2/start",
		"*",
		"/oauth2\\start",
		"/x/oauth2/start",
		"/oauth",
		"/oauth2-x",
	};

	(void)state;
	for (size_t i = 0; i < COUNT(unknown); i++)
		if (find("ws.example", unknown[i]).kind != ROUTE_UNKNOWN)
			fail_msg("%s", unknown[i]);
	for (size_t i = 0; i < COUNT(upstream); i++)
		if (find("ws.example", upstream[i]).kind != ROUTE_UPSTREAM)
			fail_msg("%s", upstream[i]);
}

static void
test_hosts(void **state)
{
	static const char *const ours[] = {"ws.example", "ws.example:443", "WS.Example",
					   "WS.EXAMPLE:443"};
	static const char *const others[] = {
		"ws.example:80",    "ws.example:8443",
		"ws.example.",	    "xws.example",
		"ws.example.evil",  "example",
		"a.ws.example",	    "ws.example:",
		"127.0.0.1",	    "",
		"ws.example:443:1",
	};

	(void)state;
	for (size_t i = 0; i < COUNT(ours); i++) {
		assert_int_equal(find(ours[i], "/").kind, ROUTE_UPSTREAM);
		assert_int_equal(find(ours[i], "/oauth2/auth").kind, ROUTE_AUTH);
	}
	for (size_t i = 0; i < COUNT(others); i++) {
		assert_int_equal(find(others[i], "/").kind, ROUTE_MISDIRECTED);
		assert_int_equal(find(others[i], "/oauth2/start").kind, ROUTE_MISDIRECTED);
	}
}

/* Split at the first hyphen only, one spelling of a port, none but those configured. */
static void
test_hosts_of_ports(void **state)
{
	static const struct ports ports = {{{3000, 3000, false}, {8000, 8999, false}}, 2};
	static const struct proxy with_ports = {
		.hosts = {{"a-b.ws.example", 14}, {"a-b.ws.example:443", 18}},
		.port_hosts = {{"a-b.ws.example", 14}, {"a-b.ws.example:443", 18}},
		.ports = &ports,
		.prefix = {"/oauth2", 7},
	};
	static const struct {
		const char *authority;
		uint16_t port;
	} ours[] = {{"3000-a-b.ws.example", 3000},
		    {"3000-A-B.WS.example:443", 3000},
		    {"8999-a-b.ws.example", 8999},
		    {"a-b.ws.example", 0}};
	static const char *const others[] = {
		"03000-a-b.ws.example",	  "+3000-a-b.ws.example",     "0-a-b.ws.example",
		"3000--a-b.ws.example",	  "3000-3000-a-b.ws.example", "-a-b.ws.example",
		"3000-a-b.ws.example:80", "3000-b.ws.example",	      "3000.a-b.ws.example",
		"3000-a-b.ws.example.",	  "68536-a-b.ws.example",     "3000-",
		"x.3000-a-b.ws.example",  "3000a-b.ws.example",
	};

	static const char *const unlisted[] = {"3001-a-b.ws.example", "9000-A-b.ws.example:443"};

	(void)state;
	for (size_t i = 0; i < COUNT(unlisted); i++) {
		const struct request_head r = {.authority = str_from(unlisted[i]),
					       .path = STR("/oauth2/start")};
		const struct route route = route_find(&with_ports, &r);

		assert_int_equal(route.kind, ROUTE_NO_PORT);
		assert_int_equal(route.port, 0);
	}
	for (size_t i = 0; i < COUNT(ours); i++) {
		struct request_head r = {.authority = str_from(ours[i].authority),
					 .path = STR("/")};

		assert_int_equal(route_find(&with_ports, &r).kind, ROUTE_UPSTREAM);
		assert_int_equal(route_find(&with_ports, &r).port, ours[i].port);
		r.path = STR("/oauth2/callback");
		assert_int_equal(route_find(&with_ports, &r).kind, ROUTE_AUTH);
		assert_int_equal(route_find(&with_ports, &r).port, ours[i].port);
		r.path = STR("/oauth2/port");
		assert_int_equal(route_find(&with_ports, &r).kind,
				 ours[i].port == 0 ? ROUTE_AUTH : ROUTE_UNKNOWN);
	}
	for (size_t i = 0; i < COUNT(others); i++) {
		const struct request_head r = {.authority = str_from(others[i]), .path = STR("/")};

		if (route_find(&with_ports, &r).kind != ROUTE_MISDIRECTED)
			fail_msg("%s", others[i]);
	}
	assert_int_equal(find("3000-ws.example", "/").kind, ROUTE_MISDIRECTED);
}

/* An unused place in the list of hosts matches nothing. */
static void
test_no_host_is_nobody(void **state)
{
	const struct proxy empty = {.prefix = {"/oauth2", 7}};
	const struct request_head r = {.authority = STR(""), .path = STR("/")};

	(void)state;
	assert_int_equal(route_find(&empty, &r).kind, ROUTE_MISDIRECTED);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_endpoints),
		cmocka_unit_test(test_no_other_spelling_is_an_endpoint),
		cmocka_unit_test(test_hosts),
		cmocka_unit_test(test_hosts_of_ports),
		cmocka_unit_test(test_no_host_is_nobody),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
