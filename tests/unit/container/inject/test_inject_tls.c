/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where injected sidecars have their certificates from.
 */
#include "tests/unit/container/inject/inject_support.h"

#define SPEC "spec:\n  containers:\n  - name: ide\n    ports: [{containerPort: 60001}]\n"

static const struct container_settings operator_settings = {
	INJECT_SETTINGS,
	.gitlab_url = "https://gitlab.example.com",
	.authorization = "project",
	.allowed = CONTAINER_ALLOW_SECRETS,
	.tls = CONTAINER_TLS_SELF,
};

static void
assert_secret(const struct injected *r, const char *name)
{
	const struct node *c = container_of(r, "spec.initContainers", INJECT_NAME);
	const struct node *volume =
		node_named(node_find(r->root, "spec.volumes"), STR("workspace-proxy-tls"));
	const struct node *mount =
		node_named(node_get(c, "volumeMounts"), STR("workspace-proxy-tls"));

	assert_true(
		str_equal(env_of(c, "WORKSPACE_PROXY_TLS"), name == NULL ? STR("self") : STR_NONE));
	assert_int_equal(env_of(c, "WORKSPACE_PROXY_TLS_KEY_FILE").len > 0, name != NULL);
	assert_int_equal(env_of(c, "WORKSPACE_PROXY_TLS_CERT_FILE").len > 0, name != NULL);
	assert_int_equal(mount != NULL, name != NULL);
	assert_int_equal(volume != NULL, name != NULL);
	if (name != NULL)
		assert_true(str_equal(node_text_at(volume, "secret.secretName"), str_from(name)));
}

static void
test_own_certificate(void **state)
{
	struct injected r;

	(void)state;
	inject_well(&r, &operator_settings, INJECT_POD_HEAD SPEC);
	assert_secret(&r, NULL);
	inject_into(&r, &operator_settings);
	assert_int_equal(r.report.problems.count, 0);
	doc_fini(&r.doc);
}

static void
test_secret_of_a_pod(void **state)
{
	struct injected r;

	(void)state;
	inject_well(&r, &operator_settings, INJECT_POD_HEAD NOTE("tls-secret: other") SPEC);
	assert_secret(&r, "other");
	doc_fini(&r.doc);
}

static void
test_secret_per_workspace(void **state)
{
	struct container_settings settings = operator_settings;
	struct injected r;

	(void)state;
	settings.tls = CONTAINER_TLS_SECRET;
	settings.tls_secret = "{name}-tls";
	inject_well(&r, &settings, INJECT_POD_HEAD SPEC);
	assert_secret(&r, "kiwi-tls");
	doc_fini(&r.doc);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_own_certificate),
		cmocka_unit_test(test_secret_of_a_pod),
		cmocka_unit_test(test_secret_per_workspace),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
