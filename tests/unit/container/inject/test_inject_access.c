/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who may enter, from annotations: what the operator's AUTHORIZATION requires, and what sidecars
 * get.
 */
#include "tests/unit/container/inject/inject_support.h"

#define SPEC "spec:\n  containers:\n  - name: ide\n    ports: [{containerPort: 60001}]\n"

static const struct container_settings operator_settings = {
	INJECT_SETTINGS,
	.gitlab_url = "https://gitlab.example.com",
	.authorization = "group+users",
	.needs_group = true,
	.needs_users = true,
};

static struct str
sidecar_env(const struct injected *r, const char *name)
{
	return env_of(container_of(r, "spec.initContainers", INJECT_NAME), name);
}

static void
test_passed_on(void **state)
{
	struct injected r;

	(void)state;
	try_inject(&r, &operator_settings,
		   INJECT_POD_HEAD NOTE("group: company/team") NOTE("users: 'sasha,1042'") SPEC);
	assert_true(r.is_ours);
	assert_int_equal(r.report.problems.count, 0);
	assert_true(
		str_equal(sidecar_env(&r, "WORKSPACE_PROXY_AUTHORIZATION"), STR("group+users")));
	assert_true(str_equal(sidecar_env(&r, "WORKSPACE_PROXY_GROUP"), STR("company/team")));
	assert_true(str_equal(sidecar_env(&r, "WORKSPACE_PROXY_USERS"), STR("sasha,1042")));
	doc_fini(&r.doc);
}

static void
test_required(void **state)
{
	struct injected r;

	(void)state;
	try_inject(&r, &operator_settings, INJECT_POD_HEAD NOTE("users: sasha") SPEC);
	assert_true(r.is_ours);
	assert_int_equal(r.report.problems.count, 1);
	assert_non_null(strstr(r.report.problems.items[0], "group"));
	doc_fini(&r.doc);
	try_inject(&r, &operator_settings,
		   INJECT_POD_HEAD NOTE("group: '12'") NOTE("users: '$(SECRET)'") SPEC);
	assert_true(r.is_ours);
	assert_true(r.report.problems.count > 0);
	assert_non_null(strstr(r.report.problems.items[0], "users"));
	doc_fini(&r.doc);
}

/* Within the operator's limit, and only with ports. */
static void
test_port_sharing(void **state)
{
	static const char port_sharing_max[] = "WORKSPACE_PROXY_PORT_SHARING_MAX";
	struct container_settings settings = operator_settings;
	struct injected r;

	(void)state;
	settings.needs_group = settings.needs_users = false;
	settings.port_sharing_max = "gitlab";
	settings.port_sharing_allowed = " owner project group users gitlab";
	try_inject(&r, &settings, INJECT_POD_HEAD NOTE("ports: '3000'") SPEC);
	assert_int_equal(r.report.problems.count, 0);
	assert_true(str_equal(sidecar_env(&r, port_sharing_max), STR("gitlab")));
	doc_fini(&r.doc);
	try_inject(&r, &settings, INJECT_POD_HEAD SPEC);
	assert_int_equal(r.report.problems.count, 0);
	assert_true(str_is_empty(sidecar_env(&r, port_sharing_max)));
	doc_fini(&r.doc);
	try_inject(&r, &settings,
		   INJECT_POD_HEAD NOTE("ports: '3000'") NOTE("port-sharing-max: users") SPEC);
	assert_int_equal(r.report.problems.count, 0);
	assert_true(str_equal(sidecar_env(&r, port_sharing_max), STR("users")));
	doc_fini(&r.doc);
	static const char *const bad[] = {
		INJECT_POD_HEAD NOTE("ports: '3000'") NOTE("port-sharing-max: public") SPEC,
		INJECT_POD_HEAD NOTE("ports: '3000'") NOTE("port-sharing-max: all") SPEC,
		INJECT_POD_HEAD NOTE("port-sharing-max: users") SPEC,
	};
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		try_inject(&r, &settings, bad[i]);
		assert_int_equal(r.report.problems.count, 1);
		assert_non_null(strstr(r.report.problems.items[0], "port-sharing-max"));
		doc_fini(&r.doc);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_passed_on),
		cmocka_unit_test(test_required),
		cmocka_unit_test(test_port_sharing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
