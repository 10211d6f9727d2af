/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who may enter, from annotations: what the operator's AUTHORIZATION requires, and what sidecars
 * get.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "container/inject/inject.h"
#include "container/yaml/yaml.h"

#define HEAD                                                                                       \
	"apiVersion: v1\nkind: Pod\nmetadata:\n  name: kiwi\n"                                     \
	"  labels: {workspace-proxy.io/inject: \"true\"}\n  annotations:\n"                        \
	"    workspace-proxy.io/name: kiwi\n"
#define NOTE(x) "    workspace-proxy.io/" x "\n"
#define SPEC	"spec:\n  containers:\n  - name: ide\n    ports: [{containerPort: 60001}]\n"

static const struct container_settings operator_settings = {
	.image = "registry.example.com/workspace-proxy:1",
	.pull_policy = "IfNotPresent",
	.sidecar = CONTAINER_NATIVE,
	.zone = "ws.example.com",
	.gitlab_url = "https://gitlab.example.com",
	.client_id = "id",
	.authorization = "group+users",
	.needs_group = true,
	.needs_users = true,
	.secret = "workspace-{name}",
	.tls_secret = "workspace-proxy-tls",
	.cpu_request = "50m",
	.cpu_limit = "1",
	.memory_request = "64Mi",
	.memory_limit = "512Mi",
};

struct access_result {
	struct doc doc;
	struct node *root;
	struct inject_report report;
};

static void
try_pod(struct access_result *r, const char *yaml)
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

static struct str
env_of(const struct access_result *r, const char *name)
{
	const struct node *sidecar =
		node_named(node_find(r->root, "spec.initContainers"), STR(INJECT_NAME));

	return node_text_at(node_named(node_get(sidecar, "env"), str_from(name)), "value");
}

static void
test_passed_on(void **state)
{
	struct access_result r;

	(void)state;
	try_pod(&r, HEAD NOTE("group: company/team") NOTE("users: 'sasha,1042'") SPEC);
	assert_int_equal(r.report.problems.count, 0);
	assert_true(str_equal(env_of(&r, "WORKSPACE_PROXY_AUTHORIZATION"), STR("group+users")));
	assert_true(str_equal(env_of(&r, "WORKSPACE_PROXY_GROUP"), STR("company/team")));
	assert_true(str_equal(env_of(&r, "WORKSPACE_PROXY_USERS"), STR("sasha,1042")));
	doc_fini(&r.doc);
}

static void
test_required(void **state)
{
	struct access_result r;

	(void)state;
	try_pod(&r, HEAD NOTE("users: sasha") SPEC);
	assert_int_equal(r.report.problems.count, 1);
	assert_non_null(strstr(r.report.problems.items[0], "group"));
	doc_fini(&r.doc);
	try_pod(&r, HEAD NOTE("group: '12'") NOTE("users: '$(SECRET)'") SPEC);
	assert_true(r.report.problems.count > 0);
	assert_non_null(strstr(r.report.problems.items[0], "users"));
	doc_fini(&r.doc);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_passed_on),
		cmocka_unit_test(test_required),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
