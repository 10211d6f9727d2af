/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The annotation ide-log: a directory that the IDE's container writes and the sidecar reads.
 */
#include "container/inject/inject_log.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>

#include "container/yaml/yaml.h"

#define HEAD                                                                                       \
	"apiVersion: v1\nkind: Pod\nmetadata:\n  name: kiwi\n"                                     \
	"  labels: {workspace-proxy.io/inject: \"true\"}\n  annotations:\n"                        \
	"    workspace-proxy.io/name: kiwi\n"
#define LOG   "    workspace-proxy.io/ide-log: \"true\"\n"
#define SPEC  "spec:\n  containers:\n  - name: ide\n    ports: [{containerPort: 60001}]\n"
#define POD   HEAD LOG SPEC
#define MOUNT "    volumeMounts: [{mountPath: /tmp/workspace-logs, "

static const struct container_settings operator_settings = {
	.image = "registry.example.com/workspace-proxy:1",
	.pull_policy = "IfNotPresent",
	.sidecar = CONTAINER_NATIVE,
	.zone = "ws.example.com",
	.gitlab_url = "https://gitlab.example.com",
	.client_id = "id",
	.authorization = "owner",
	.secret = "workspace-{name}",
	.tls_secret = "workspace-proxy-tls",
	.cpu_request = "50m",
	.cpu_limit = "1",
	.memory_request = "64Mi",
	.memory_limit = "512Mi",
};

struct log_result {
	struct doc doc;
	struct node *root;
	struct inject_report report;
};

static void
try_pod(struct log_result *r, const char *yaml)
{
	struct yaml_reader *reader = yaml_reader_new(str_from(yaml));
	struct err e = ERR_INIT;
	struct str source;

	doc_init(&r->doc);
	assert_non_null(reader);
	if (!yaml_read_document(reader, &r->doc, &r->root, &source, &e))
		fail_msg("%s", e.text);
	yaml_reader_free(reader);
	assert_true(inject_object(&operator_settings, &r->doc, r->root, &r->report));
	assert_false(r->doc.failed);
}

static void
inject_pod_with(struct log_result *r, const char *yaml)
{
	try_pod(r, yaml);
	for (size_t i = 0; i < r->report.problems.count; i++)
		fail_msg("%s\n%s", r->report.problems.items[i], yaml);
}

static const struct node *
container_of(const struct log_result *r, const char *list, const char *name)
{
	return node_named(node_find(r->root, list), str_from(name));
}

static const struct node *
mount_in(const struct node *container, const char *volume)
{
	return node_named(node_get(container, "volumeMounts"), str_from(volume));
}

static struct str
log_files_of(const struct node *container)
{
	return node_text_at(
		node_named(node_get(container, "env"), STR("WORKSPACE_PROXY_LOG_FILES")), "value");
}

static void
test_a_volume_of_ours(void **state)
{
	struct log_result r;

	(void)state;
	inject_pod_with(&r, POD);
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
	/* Again: nothing changes. */
	struct node *before = node_copy(&r.doc, r.root);
	assert_true(inject_object(&operator_settings, &r.doc, r.root, &r.report));
	assert_int_equal(r.report.problems.count, 0);
	assert_true(node_equal(before, r.root));
	doc_fini(&r.doc);
}

static void
test_a_volume_of_the_authors(void **state)
{
	struct log_result r;

	(void)state;
	inject_pod_with(&r, POD MOUNT "name: own, subPath: logs}]\n"
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
	struct log_result r;

	(void)state;
	inject_pod_with(&r, HEAD SPEC);
	const struct node *sidecar = container_of(&r, "spec.initContainers", INJECT_NAME);
	assert_int_equal(log_files_of(sidecar).len, 0);
	assert_null(mount_in(sidecar, "workspace-proxy-log"));
	assert_null(node_named(node_find(r.root, "spec.volumes"), STR("workspace-proxy-log")));
	doc_fini(&r.doc);
}

static void
test_what_is_refused(void **state)
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
		struct log_result r;

		try_pod(&r, cases[i][0]);
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
		cmocka_unit_test(test_what_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
