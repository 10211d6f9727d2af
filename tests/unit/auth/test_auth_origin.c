/* SPDX-License-Identifier: Apache-2.0 */
/*
 * auth/auth_origin: whose pages may embed a port, by the headers that browsers send.
 */
#include "auth/auth_origin.h"
#include "tests/unit/auth/auth_fixture.h"

#define OWN "https://kiwi.ws.example.com"

struct sample {
	const char *mode;
	const char *dest;
	const char *site;
	const char *referer;
	const char *embedder; /* NULL: none */
};

static const struct sample samples[] = {
	{"navigate", "iframe", "same-site", OWN "/lab?a=b", OWN},
	{"navigate", "frame", "same-site", OWN "/", OWN},
	{"navigate", "iframe", "same-origin", OWN "/", OWN},
	{"no-cors", "image", "same-site", OWN "/", OWN},
	{"no-cors", "empty", "same-site", OWN "/", OWN},
	{"no-cors", "script", "same-site", "https://3000-kiwi.ws.example.com/a",
	 "https://3000-kiwi.ws.example.com"},
	/* pages that may not embed */
	{"navigate", "iframe", "same-site", "https://plum.ws.example.com/", NULL},
	{"navigate", "iframe", "same-site", "https://3000-plum.ws.example.com/", NULL},
	{"navigate", "iframe", "same-site", "https://3001-kiwi.ws.example.com/", NULL},
	{"navigate", "iframe", "same-site", "https://03000-kiwi.ws.example.com/", NULL},
	{"navigate", "iframe", "same-site", "http://kiwi.ws.example.com/", NULL},
	{"navigate", "iframe", "same-site", "HTTPS://kiwi.ws.example.com/", NULL},
	{"navigate", "iframe", "same-site", OWN ":443/", NULL},
	{"navigate", "iframe", "same-site", OWN, NULL},
	{"navigate", "iframe", "same-site", "https://", NULL},
	{"navigate", "iframe", "same-site", "", NULL},
	{"navigate", "iframe", "same-site", OWN ".evil.example/", NULL},
	{"navigate", "iframe", "same-site", "https://kiwi.ws.example.com@evil.example/", NULL},
	{"navigate", "iframe", "same-site", NULL, NULL},
	{"navigate", "iframe", "cross-site", OWN "/", NULL},
	{"navigate", "iframe", "none", OWN "/", NULL},
	{"navigate", "iframe", NULL, OWN "/", NULL},
	/* requests that are not embedded */
	{"navigate", "document", "same-site", OWN "/", NULL},
	{"navigate", "object", "same-site", OWN "/", NULL},
	{"cors", "empty", "same-site", OWN "/", NULL},
	{"cors", "image", "same-site", OWN "/", NULL},
	{"same-origin", "worker", "same-origin", OWN "/", NULL},
	{"no-cors", NULL, "same-site", OWN "/", NULL},
	{NULL, "iframe", "same-site", OWN "/", NULL},
	{"websocket", "empty", "same-site", OWN "/", NULL},
};

static int
setup(void **state)
{
	struct err e = ERR_INIT;

	(void)state;
	world_setup_settings(&world);
	assert_true(ports_parse(&world.settings.ports, STR("3000,8080"), &e));
	world_start(&world);
	return 0;
}

static void
add(struct test_request *r, const char *name, const char *value)
{
	if (value != NULL)
		request_add(r, name, value);
}

static void
fill(struct test_request *r, const char *method, const struct sample *s)
{
	request_init(r, method, "/app");
	add(r, "sec-fetch-mode", s->mode);
	add(r, "sec-fetch-dest", s->dest);
	add(r, "sec-fetch-site", s->site);
	add(r, "referer", s->referer);
}

static void
test_embedders(void **state)
{
	struct test_request r;

	(void)state;
	for (size_t i = 0; i < sizeof(samples) / sizeof(samples[0]); i++) {
		const struct sample *s = &samples[i];
		struct str found;

		fill(&r, "GET", s);
		found = auth_embedder(world.auth, &r.facts);
		if (!str_equal(found, s->embedder == NULL ? STR_NONE : str_from(s->embedder)))
			fail_msg("sample %zu: \"%.*s\"", i, STR_FMT(found));
		fill(&r, "POST", s);
		assert_int_equal(auth_embedder(world.auth, &r.facts).len, 0);
	}
}

static void
test_repeated_fields_and_upgrades(void **state)
{
	static const char *const more[][2] = {
		{"referer", OWN "/"},	       {"sec-fetch-site", "same-site"},
		{"sec-fetch-mode", "no-cors"}, {"sec-fetch-dest", "image"},
		{"upgrade", "websocket"},
	};
	const struct sample good = {"no-cors", "image", "same-site", OWN "/", NULL};
	struct test_request r;

	(void)state;
	for (size_t i = 0; i < sizeof(more) / sizeof(more[0]); i++) {
		fill(&r, "GET", &good);
		request_add(&r, more[i][0], more[i][1]);
		assert_int_equal(auth_embedder(world.auth, &r.facts).len, 0);
	}
}

/* CORS requests: the page that sent them, or redirected by a hand-over. */
struct script_sample {
	const char *mode;
	const char *site;
	const char *origin;
	const char *referer;
	uint32_t page;
	bool is_handed_on;
};

#define PORT_3000  "https://3000-kiwi.ws.example.com"
#define PAGE_OWN   CORS_PAGE_OF(0)
#define PAGE_PORT  CORS_PAGE_OF(3000)
#define PAGE_OTHER CORS_PAGE_NONE

static const struct script_sample scripts[] = {
	{"cors", "same-site", OWN, OWN "/lab", PAGE_OWN, false},
	{"cors", "same-site", PORT_3000, PORT_3000 "/", PAGE_PORT, false},
	/* a module of one port that imports from another */
	{"cors", "same-site", OWN, PORT_3000 "/main.js", PAGE_OWN, false},
	{"cors", "same-site", "null", OWN "/", PAGE_OTHER, true},
	{"cors", "same-origin", "null", OWN "/", PAGE_OTHER, true},
	/* pages that may not send the request */
	{"cors", "same-site", "https://8080-kiwi.ws.example.com", OWN "/", PAGE_OTHER, false},
	{"cors", "same-site", "https://plum.ws.example.com", OWN "/", PAGE_OTHER, false},
	{"cors", "same-site", OWN, "https://plum.ws.example.com/", PAGE_OTHER, false},
	{"cors", "same-site", "null", "https://plum.ws.example.com/", PAGE_OTHER, false},
	{"cors", "same-site", "https://3001-kiwi.ws.example.com", OWN "/", PAGE_OTHER, false},
	{"cors", "same-site", "https://0-kiwi.ws.example.com", OWN "/", PAGE_OTHER, false},
	{"cors", "same-site", OWN "/", OWN "/", PAGE_OTHER, false},
	{"cors", "same-site", NULL, OWN "/", PAGE_OTHER, false},
	{"cors", "same-site", "null", NULL, PAGE_OTHER, false},
	{"cors", "same-site", OWN, NULL, PAGE_OTHER, false},
	{"cors", "cross-site", OWN, OWN "/", PAGE_OTHER, false},
	{"cors", "cross-site", "null", OWN "/", PAGE_OTHER, false},
	{"cors", NULL, "null", OWN "/", PAGE_OTHER, false},
	{"no-cors", "same-site", OWN, OWN "/", PAGE_OTHER, false},
	{"navigate", "same-site", "null", OWN "/", PAGE_OTHER, false},
	{"websocket", "same-site", OWN, OWN "/", PAGE_OTHER, false},
	{NULL, "same-site", "null", OWN "/", PAGE_OTHER, false},
};

static void
fill_script(struct test_request *r, const char *method, const struct script_sample *s)
{
	request_init(r, method, "/items");
	r->facts.port = 8080;
	r->facts.origin = STR("https://8080-kiwi.ws.example.com");
	add(r, "sec-fetch-mode", s->mode);
	add(r, "sec-fetch-site", s->site);
	add(r, "origin", s->origin);
	add(r, "referer", s->referer);
}

static void
test_scripts(void **state)
{
	struct test_request r;

	(void)state;
	for (size_t i = 0; i < sizeof(scripts) / sizeof(scripts[0]); i++) {
		const struct script_sample *s = &scripts[i];

		fill_script(&r, "POST", s);
		if (auth_find_cors_page(world.auth, &r.facts) != s->page ||
		    auth_is_handover_redirect(world.auth, &r.facts) != s->is_handed_on)
			fail_msg("script %zu", i);
		fill_script(&r, "OPTIONS", s);
		assert_int_equal(auth_find_cors_page(world.auth, &r.facts), CORS_PAGE_NONE);
		assert_int_equal(auth_is_handover_redirect(world.auth, &r.facts), s->is_handed_on);
		fill_script(&r, "POST", s);
		r.facts.port = 0;
		assert_int_equal(auth_find_cors_page(world.auth, &r.facts), CORS_PAGE_NONE);
		fill_script(&r, "POST", s);
		request_add(&r, "upgrade", "websocket");
		assert_int_equal(auth_find_cors_page(world.auth, &r.facts), CORS_PAGE_NONE);
		assert_false(auth_is_handover_redirect(world.auth, &r.facts));
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_embedders, setup, teardown_world),
		cmocka_unit_test_setup_teardown(test_repeated_fields_and_upgrades, setup,
						teardown_world),
		cmocka_unit_test_setup_teardown(test_scripts, setup, teardown_world),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
