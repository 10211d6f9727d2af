/* SPDX-License-Identifier: Apache-2.0 */
/*
 * auth/login/embedding: whose pages may embed a port, by the headers that browsers send.
 */
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
	/* no page that may */
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
	/* nothing that is embedded */
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

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_embedders, setup, teardown_world),
		cmocka_unit_test_setup_teardown(test_repeated_fields_and_upgrades, setup,
						teardown_world),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
