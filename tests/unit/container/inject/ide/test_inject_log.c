/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The annotation ide-log: a directory that the IDE's container writes and the sidecar reads.
 */
#include "container/inject/ide/inject_log.h"

#include <stdio.h>

#include "tests/unit/container/inject/inject_support.h"

#define HEAD  INJECT_POD_HEAD
#define LOG   "    workspace-proxy.io/ide-log: \"true\"\n"
#define SPEC  "spec:\n  containers:\n  - name: ide\n    ports: [{containerPort: 60001}]\n"
#define POD   HEAD LOG SPEC
#define MOUNT "    volumeMounts: [{mountPath: /tmp/workspace-logs, "

static const struct container_settings operator_settings = {
	INJECT_SETTINGS,
	.gitlab_url = "https://gitlab.example.com",
	.authorization = "owner",
};

static const struct node *
mount_in(const struct node *container, const char *volume)
{
	return node_named(node_get(container, "volumeMounts"), str_from(volume));
}

static struct str
log_files_of(const struct node *container)
{
	return env_of(container, "WORKSPACE_PROXY_LOG_FILES");
}

static void
test_a_volume_of_ours(void **state)
{
	struct injected r;

	(void)state;
	inject_well(&r, &operator_settings, POD);
	const struct node *sidecar = container_of(&r, "spec.initContainers", INJECT_NAME);
	assert_true(str_equal(log_files_of(sidecar), STR("/tmp/workspace-logs/*.log")));
	const struct node *mount = mount_in(sidecar, "workspace-proxy-log");
	assert_int_equal(node_get(mount, "readOnly")->integer, 1);
	mount = mount_in(container_of(&r, "spec.containers", "ide"), "workspace-proxy-log");
	assert_true(str_equal(node_text_at(mount, "mountPath"), STR("/tmp/workspace-logs")));
	assert_null(node_get(mount, "readOnly"));
	assert_non_null(
		node_get(node_named(node_find(r.root, "spec.volumes"), STR("workspace-proxy-log")),
			 "emptyDir"));
	/* Injecting again changes nothing. */
	struct node *before = node_copy(&r.doc, r.root);
	assert_true(inject_object(&operator_settings, &r.doc, r.root, &r.report));
	assert_int_equal(r.report.problems.count, 0);
	assert_true(node_equal(before, r.root));
	doc_fini(&r.doc);
}

static void
test_a_volume_of_the_authors(void **state)
{
	struct injected r;

	(void)state;
	inject_well(&r, &operator_settings,
		    POD MOUNT "name: own, subPath: logs}]\n"
			      "  volumes: [{name: own, emptyDir: {}}]\n");
	const struct node *mount =
		mount_in(container_of(&r, "spec.initContainers", INJECT_NAME), "own");
	assert_true(str_equal(node_text_at(mount, "subPath"), STR("logs")));
	assert_int_equal(node_get(mount, "readOnly")->integer, 1);
	assert_null(node_named(node_find(r.root, "spec.volumes"), STR("workspace-proxy-log")));
	doc_fini(&r.doc);
}

static void
test_without_the_annotation(void **state)
{
	struct injected r;

	(void)state;
	inject_well(&r, &operator_settings, HEAD SPEC);
	const struct node *sidecar = container_of(&r, "spec.initContainers", INJECT_NAME);
	assert_int_equal(log_files_of(sidecar).len, 0);
	assert_null(mount_in(sidecar, "workspace-proxy-log"));
	assert_null(node_named(node_find(r.root, "spec.volumes"), STR("workspace-proxy-log")));
	doc_fini(&r.doc);
}

static void
test_refused_mounts(void **state)
{
	static const char *const cases[][2] = {
		{HEAD "    workspace-proxy.io/ide-log: /var/log\n" SPEC, "expected true"},
		{POD MOUNT "name: x, readOnly: true}]\n", "is read-only"},
		{POD MOUNT "name: x, subPathExpr: $(X)}]\n", "uses subPathExpr"},
		{POD "    volumeMounts: [{name: workspace-proxy-log, mountPath: /x}]\n",
		 "mount workspace-proxy-log: exists and differs"},
		{POD MOUNT "name: workspace-proxy-log}, {name: workspace-proxy-log, mountPath: "
			   "/x}]\n",
		 "mounts volume workspace-proxy-log twice"},
		{POD "  - {name: b, volumeMounts: [{name: workspace-proxy-log, mountPath: /x}]}\n",
		 "mounts volume workspace-proxy-log, which belongs to the sidecar"},
		{POD "  volumes: [{name: workspace-proxy-log, hostPath: {path: /srv}}]\n",
		 "volume workspace-proxy-log: exists and differs"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct injected r;

		try_inject(&r, &operator_settings, cases[i][0]);
		assert_true(r.is_ours);
		if (r.report.problems.count == 0 ||
		    strstr(r.report.problems.items[0], cases[i][1]) == NULL)
			fail_msg("%s: %s", cases[i][1],
				 r.report.problems.count == 0 ? "accepted"
							      : r.report.problems.items[0]);
		doc_fini(&r.doc);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_volume_of_ours),
		cmocka_unit_test(test_a_volume_of_the_authors),
		cmocka_unit_test(test_without_the_annotation),
		cmocka_unit_test(test_refused_mounts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
