/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The settings of injection into pods, and those that are passed on to sidecars.
 */
#include "tests/unit/proxy/settings/settings_support.h"

static void
reset_inject(struct fixture *f)
{
	clear(f);
	set(f, "INJECT_IMAGE=registry.example.com/workspace-proxy:1");
	set(f, "GITLAB_URL=https://gitlab.example.com/git/");
	set(f, "CLIENT_ID=id");
}

/* Settings that are passed on to sidecars, and data of the workspace that they require. */
static void
test_inject(void **state)
{
	struct fixture *f = *state;
	reset_inject(f);
	set(f, "EXTERNAL_URL=nonsense");
	set(f, "AUTHORIZATION=project+owner");
	set(f, "RELAY_URL=https://relay.ws.example.com");
	set(f, "INJECT_ALLOW=image, secrets, net-admin");
	set(f, "INJECT_TOLERATE=AWS_*, OTEL_X, /var/run/secrets/x");
	set(f, "INJECT_SECRET=workspace-{name}");
	load(f, SETTINGS_INJECT);
	assert_fine(f);
	const struct container_settings *c = &f->s->container;
	assert_string_equal(c->gitlab_url, "https://gitlab.example.com/git");
	assert_string_equal(c->relay_url, "https://relay.ws.example.com");
	assert_string_equal(c->authorization, "project+owner");
	assert_true(c->needs_project && c->needs_owner_id && !c->needs_workspace_id);
	assert_int_equal(c->allowed, CONTAINER_ALLOW_IMAGE | CONTAINER_ALLOW_SECRETS |
					     CONTAINER_ALLOW_NET_ADMIN);
	assert_int_equal(c->secret_keys, CONTAINER_KEY_COOKIE_SECRET | CONTAINER_KEY_CLIENT_SECRET |
						 CONTAINER_KEY_RELAY_KEY);
	assert_int_equal(c->sidecar, CONTAINER_NATIVE);
	assert_string_equal(c->pull_policy, "IfNotPresent");
	assert_null(c->gitlab_api_url);
	assert_false(c->needs_group || c->needs_users);
	assert_false(c->has_broker);
	set(f, "BROKER=on");
	load(f, SETTINGS_INJECT);
	assert_fine(f);
	assert_true(f->s->container.has_broker);
	assert_int_equal(f->s->container.secret_keys,
			 CONTAINER_KEY_COOKIE_SECRET | CONTAINER_KEY_RELAY_KEY);
	set(f, "AUTHORIZATION=users+group");
	load(f, SETTINGS_INJECT);
	assert_fine(f);
	assert_string_equal(f->s->container.authorization, "group+users");
	assert_true(f->s->container.needs_group && f->s->container.needs_users);
}

static void
test_inject_mistakes(void **state)
{
	static const char *const wrong[] = {
		"INJECT_ALLOW=everything",
		"INJECT_TOLERATE=LD_*",
		"INJECT_TOLERATE=L*",
		"INJECT_TOLERATE=WORKSPACE_*",
		"INJECT_TOLERATE=LD_PRELOAD",
		"INJECT_TOLERATE=/usr/lib",
		"INJECT_TOLERATE=/",
		"INJECT_TOLERATE=/a/../usr",
		"INJECT_TOLERATE=A B",
		"INJECT_SIDECAR=modern",
		"INJECT_SECRET=Upper",
		"INJECT_SECRET={host}",
		"INJECT_CONFIG_MAP={name}",
		"INJECT_SECRET_KEYS=cookie-secret,other",
		"INJECT_ZONE=https://ws.example.com",
		"INJECT_ZONE=WS.example.com",
		"INJECT_ZONE=localhost",
		"INJECT_CPU_LIMIT=fast",
		"INJECT_CPU_LIMIT=-1",
		"INJECT_CPU_REQUEST=3",
		"INJECT_MEMORY_REQUEST=1Gi",
		"INJECT_PULL_POLICY=Sometimes",
	};
	struct fixture *f = *state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		char name[64];
		reset_inject(f);
		set(f, wrong[i]);
		load(f, SETTINGS_INJECT);
		(void)snprintf(name, sizeof(name), "%.*s", (int)strcspn(wrong[i], "="), wrong[i]);
		assert_problem(f, name, "expected");
	}
	clear(f);
	load(f, SETTINGS_INJECT);
	assert_int_equal(f->problems.count, 3); /* image, GitLab, client */
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_inject, setup, teardown),
		cmocka_unit_test_setup_teardown(test_inject_mistakes, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
