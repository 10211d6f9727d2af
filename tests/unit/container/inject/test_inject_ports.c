/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What annotations say of ports, as sidecars get it.
 */
#include "tests/unit/container/inject/inject_support.h"

#define SPEC "spec:\n  containers:\n  - name: ide\n    ports: [{containerPort: 60001}]\n"

static const struct container_settings operator_settings = {
	INJECT_SETTINGS,
	.gitlab_url = "https://gitlab.example.com",
	.authorization = "owner",
};

static bool
has_protocols(const char *pod, const char *protocols)
{
	struct injected r;
	struct str value;

	try_inject(&r, &operator_settings, pod);
	assert_true(r.is_ours);
	if (r.report.problems.count > 0)
		assert_non_null(strstr(r.report.problems.items[0], "upgrade-protocols"));
	value = env_of(container_of(&r, "spec.initContainers", INJECT_NAME),
		       "WORKSPACE_PROXY_UPGRADE_PROTOCOLS");
	bool ok = r.report.problems.count == 0 && str_equal(value, str_from(protocols));
	doc_fini(&r.doc);
	return ok;
}

static void
test_protocols(void **state)
{
	(void)state;
	assert_true(has_protocols(INJECT_POD_HEAD NOTE("upgrade-protocols: 'tcp,SPDY/3.1'") SPEC,
				  "tcp,SPDY/3.1"));
	assert_true(has_protocols(INJECT_POD_HEAD SPEC, NULL));
	assert_false(
		has_protocols(INJECT_POD_HEAD NOTE("upgrade-protocols: 'tcp;x'") SPEC, "tcp;x"));
	assert_false(has_protocols(INJECT_POD_HEAD NOTE("upgrade-protocols: '$(SECRET)'") SPEC,
				   "$(SECRET)"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_protocols),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
