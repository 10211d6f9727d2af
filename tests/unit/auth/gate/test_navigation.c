/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What counts as a person navigating, and what each kind of request without a session gets.
 */
#include "tests/unit/auth/auth_support.h"

struct sample {
	const char *method;
	const char *headers[10]; /* name, value, … */
	bool is_navigation;
};

static const struct sample samples[] = {
	/* what browsers send */
	{"GET", {"sec-fetch-mode", "navigate", "sec-fetch-dest", "document"}, true},
	{"HEAD", {"sec-fetch-mode", "navigate", "sec-fetch-dest", "document"}, true},
	{"POST", {"sec-fetch-mode", "navigate", "sec-fetch-dest", "document"}, true},
	{"GET", {"sec-fetch-mode", "navigate"}, true},
	{"GET", {"sec-fetch-mode", "navigate", "sec-fetch-dest", "iframe"}, false},
	{"GET", {"sec-fetch-mode", "navigate", "sec-fetch-dest", "frame"}, false},
	{"GET", {"sec-fetch-mode", "navigate", "sec-fetch-dest", "embed"}, false},
	{"GET",
	 {"sec-fetch-mode", "cors", "sec-fetch-dest", "empty", "accept", "text/html"},
	 false},
	{"GET", {"sec-fetch-mode", "no-cors", "sec-fetch-dest", "image"}, false},
	{"GET", {"sec-fetch-mode", "same-origin", "sec-fetch-dest", "serviceworker"}, false},
	{"GET", {"sec-fetch-mode", "cors", "sec-fetch-dest", "manifest"}, false},
	{"GET", {"sec-fetch-mode", "websocket", "upgrade", "websocket"}, false},
	{"GET", {"sec-fetch-dest", "document"}, false},
	{"GET",
	 {"sec-fetch-mode", "navigate", "sec-fetch-dest", "document", "upgrade", "websocket"},
	 false},
	{"GET",
	 {"sec-fetch-mode", "navigate", "sec-fetch-dest", "document", "sec-purpose",
	  "prefetch;prerender"},
	 false},
	/* an Android WebView names its package */
	{"GET",
	 {"sec-fetch-mode", "navigate", "sec-fetch-dest", "document", "x-requested-with",
	  "com.example"},
	 true},
	/* crafted */
	{"GET", {"sec-fetch-mode", "navigate", "sec-fetch-mode", "cors"}, false},
	{"GET",
	 {"sec-fetch-mode", "navigate", "sec-fetch-dest", "document", "sec-fetch-dest", "x"},
	 false},
	{"GET", {"sec-fetch-mode", "NAVIGATE", "sec-fetch-dest", "document"}, false},
	/* older browsers and programs */
	{"GET", {"accept", "text/html,application/xhtml+xml,*/*;q=0.8"}, true},
	{"GET", {"accept", "application/xhtml+xml, TEXT/HTML;q=0.9"}, true},
	{"HEAD", {"accept", "text/html"}, true},
	{"POST", {"accept", "text/html"}, false},
	{"GET", {"accept", "text/html", "x-requested-with", "XMLHttpRequest"}, false},
	{"GET", {"accept", "text/html", "upgrade", "websocket"}, false},
	{"GET", {"accept", "*/*"}, false},
	{"GET", {"accept", "application/json"}, false},
	{"GET", {"accept", "text/event-stream"}, false},
	{"GET", {"accept", "xtext/html"}, false},
	{"GET", {NULL}, false},
};

static void
fill(struct test_request *r, const struct sample *s)
{
	request_init(r, s->method, "/lab");
	for (size_t i = 0; i < 10 && s->headers[i] != NULL; i += 2)
		request_add(r, s->headers[i], s->headers[i + 1]);
}

static void
test_classification(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(samples) / sizeof(samples[0]); i++) {
		struct test_request r;

		fill(&r, &samples[i]);
		if (auth_is_navigation(&r.facts) != samples[i].is_navigation)
			fail_msg("sample %zu", i);
	}
}

static void
test_without_session(void **state)
{
	struct world w;

	(void)state;
	world_setup(&w);
	for (size_t i = 0; i < sizeof(samples) / sizeof(samples[0]); i++) {
		struct test_request r;

		fill(&r, &samples[i]);
		assert_null(world_check(&w, &r));
		if (samples[i].is_navigation && strcmp(samples[i].method, "POST") != 0) {
			assert_int_equal(w.verdict.action, AUTH_REDIRECT);
			assert_int_equal(w.verdict.status, 302);
			assert_int_equal(w.verdict.set_cookies_count >= 1, 1);
			continue;
		}
		assert_problem(&w, AUTH_PROBLEM_LOGIN_REQUIRED, 401);
		assert_string_equal(w.verdict.location, "/oauth2/start");
		assert_int_equal(w.verdict.set_cookies_count, 0);
	}
	world_teardown(&w);
}

/* L1: Host and forwarding headers do not affect our URLs. */
static void
test_spoofed_addresses(void **state)
{
	struct world w;
	struct test_request r;
	char value[256];

	(void)state;
	world_setup(&w);
	request_init(&r, "GET", "/lab");
	request_as_navigation(&r);
	r.facts.host = STR("evil.example");
	request_add(&r, "x-forwarded-host", "evil.example");
	request_add(&r, "x-forwarded-proto", "http");
	request_add(&r, "x-forwarded-uri", "//evil.example");
	request_add(&r, "forwarded", "host=evil.example");
	request_add(&r, "x-auth-request-redirect", "//evil.example");
	request_add(&r, "x-original-url", "/oauth2/callback");
	assert_null(world_check(&w, &r));
	assert_int_equal(w.verdict.action, AUTH_REDIRECT);
	assert_null(strstr(w.verdict.location, "evil"));
	location_parameter(&w, "redirect_uri", value, sizeof(value));
	assert_string_equal(value, "https://kiwi.ws.example.com/oauth2/callback");
	world_teardown(&w);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_classification),
		cmocka_unit_test(test_without_session),
		cmocka_unit_test(test_spoofed_addresses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
