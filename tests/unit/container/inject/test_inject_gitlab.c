/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Objects of GitLab's workspaces, with the same labels and annotations on all of them.
 */
#include "tests/unit/container/inject/inject_support.h"

#define TEMPLATE                                                                                   \
	"    workspaces.gitlab.com/host-template: '{{.port}}-plum-otter-teal.ws.example.com'\n"
#define ID "    workspaces.gitlab.com/id: '993'\n"

/* Labels and annotations, with further ones of the agent's configuration. */
#define METADATA(notes)                                                                            \
	"metadata:\n  name: plum-otter-teal\n  namespace: gl-rd-ns-plum-otter-teal\n"              \
	"  labels: {agent.gitlab.com/id: '991', workspace-proxy.io/inject: 'true'}\n"              \
	"  annotations:\n    config.k8s.io/owning-inventory: "                                     \
	"plum-otter-teal-workspace-inventory\n" notes

#define SPEC                                                                                       \
	"spec:\n"                                                                                  \
	"  containers:\n"                                                                          \
	"  - {name: database, image: 'database:1', ports: [{containerPort: 5432}]}\n"              \
	"  - name: tooling\n"                                                                      \
	"    image: tooling:1\n"                                                                   \
	"    envFrom: [{secretRef: {name: plum-otter-teal-env-var}}]\n"                            \
	"    ports: [{name: web, containerPort: 3000}, {name: editor-server, containerPort: "      \
	"60001}, {name: ssh-server, containerPort: 60022}]\n"                                      \
	"    securityContext: {runAsNonRoot: true, runAsUser: 5001}\n"                             \
	"    lifecycle: {postStart: {exec: {command: [sh]}}}\n"                                    \
	"  initContainers: [{name: gl-tools-injector, image: 'tools:1'}]\n"                        \
	"  securityContext: {fsGroup: 0, runAsNonRoot: true, runAsUser: 5001}\n"

#define POD(notes) "apiVersion: v1\nkind: Pod\n" METADATA(notes) SPEC
#define SERVICE(notes, ports)                                                                      \
	"apiVersion: v1\nkind: Service\n" METADATA(notes) "spec: {ports: [" ports "]}\n"
#define PORTS                                                                                      \
	"{name: web, port: 3000, targetPort: 3000}, {name: editor, port: 60001, targetPort: "      \
	"60001}, {name: ssh-server, port: 60022, targetPort: 60022}"

static const struct container_settings operator_settings = {
	INJECT_SETTINGS,
	.gitlab_url = "https://gitlab.example.com",
	.authorization = "workspace",
	.needs_workspace_id = true,
	.has_git = true,
};

static void
expect_env(struct injected *r, const char *variable, const char *value)
{
	struct str got = env_of(container_of(r, "spec.initContainers", INJECT_NAME), variable);

	if (!str_equal(got, str_from(value)))
		fail_msg("%s: %.*s instead of %s", variable, STR_FMT(got), value);
}

static void
test_defaults_of_a_pod(void **state)
{
	struct injected r;

	(void)state;
	inject_well(&r, &operator_settings, POD(ID TEMPLATE NOTE("ports: '3000'")));
	expect_env(&r, "WORKSPACE_PROXY_EXTERNAL_URL",
		   "https://60001-plum-otter-teal.ws.example.com");
	expect_env(&r, "WORKSPACE_PROXY_UPSTREAM", "http://127.0.0.1:60001");
	expect_env(&r, "WORKSPACE_PROXY_WORKSPACE_ID", "993");
	expect_env(&r, "WORKSPACE_PROXY_PORTS", "3000");
	assert_true(str_equal(
		env_of(container_of(&r, "spec.containers", "tooling"), "VSCODE_PROXY_URI"),
		STR("https://{{port}}-plum-otter-teal.ws.example.com/")));
	doc_fini(&r.doc);
}

/* GitLab's secret has GIT_CONFIG_COUNT and the user's name, which ours would replace. */
static void
test_git_is_left_to_gitlab(void **state)
{
	struct injected r;

	(void)state;
	inject_well(&r, &operator_settings, POD(ID TEMPLATE));
	expect_env(&r, "WORKSPACE_PROXY_CREDENTIAL_SOCKET", "off");
	assert_null(container_of(&r, "spec.initContainers", "workspace-proxy-git"));
	assert_int_equal(
		env_of(container_of(&r, "spec.containers", "tooling"), "GIT_CONFIG_COUNT").len, 0);
	doc_fini(&r.doc);
}

static void
test_our_annotations_win(void **state)
{
	struct injected r;

	(void)state;
	inject_well(&r, &operator_settings,
		    POD(ID TEMPLATE NOTE("name: kiwi") NOTE("workspace-id: '7'")
				NOTE("container: database") NOTE("upstream-port: '5432'")));
	expect_env(&r, "WORKSPACE_PROXY_EXTERNAL_URL", "https://kiwi.ws.example.com");
	expect_env(&r, "WORKSPACE_PROXY_WORKSPACE_ID", "7");
	expect_env(&r, "WORKSPACE_PROXY_UPSTREAM", "http://127.0.0.1:5432");
	doc_fini(&r.doc);
}

#define TEMPLATE_OF(x) "    workspaces.gitlab.com/host-template: " x "\n"

static const char *const refused[][2] = {
	{POD(TEMPLATE "    workspaces.gitlab.com/id: '-1'\n"),
	 "workspaces.gitlab.com/id: expected"},
	{POD(TEMPLATE "    workspaces.gitlab.com/id: 993\n"), "workspaces.gitlab.com/id: expected"},
	{POD(TEMPLATE), "workspace-id: required"},
	{POD(ID), "name: required"},
	{POD(ID TEMPLATE_OF("'{{.port}}-plum.other.example.com'")),
	 "host-template: is not one label below ws.example.com (INJECT_ZONE)"},
	{POD(ID TEMPLATE_OF("'{{.port}}-a.plum.ws.example.com'")), "is not one label below"},
	{POD(ID TEMPLATE_OF("'{{.port}}-plum.ws.example.com:8443'")), "host-template: expected"},
	{POD(ID TEMPLATE_OF("'{{.port}}-plum'")), "host-template: expected"},
	{POD(ID TEMPLATE_OF("'{{.port}}-Plum.ws.example.com'")), "host-template: expected"},
	{POD(ID TEMPLATE_OF("plum.ws.example.com")), "host-template: expected"},
	{POD(ID TEMPLATE_OF("{}")), "host-template: expected"},
	{POD(ID TEMPLATE NOTE("ssh: 'true'")), "ssh: needs the operator's"},
	{SERVICE(ID TEMPLATE, "{name: a, port: 1}, {name: b, port: 2}"), "service-port: required"},
};

static void
test_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(refused); i++) {
		struct injected r;
		try_inject(&r, &operator_settings, refused[i][0]);
		if (r.report.problems.count == 0)
			fail_msg("taken:\n%s", refused[i][0]);
		if (strstr(r.report.problems.items[0], refused[i][1]) == NULL)
			fail_msg("%s\nwithout %s", r.report.problems.items[0], refused[i][1]);
		doc_fini(&r.doc);
	}
}

static int64_t
target_of(struct injected *r, const char *name)
{
	const struct node *port = node_named(node_find(r->root, "spec.ports"), str_from(name));

	return node_int_at(port, "targetPort");
}

/* Annotations of pods are on services as well. */
static void
test_services(void **state)
{
	struct injected r;

	(void)state;
	inject_well(&r, &operator_settings,
		    SERVICE(ID TEMPLATE NOTE("ports: '3000'") NOTE("ide-log: 'true'"), PORTS));
	assert_int_equal(target_of(&r, "web"), 3000);
	assert_int_equal(target_of(&r, "editor"), 8443);
	assert_int_equal(target_of(&r, "ssh-server"), 60022);
	doc_fini(&r.doc);
	inject_well(
		&r, &operator_settings,
		SERVICE(ID TEMPLATE, "{name: web, port: 3000}, {name: editor-server, port: 80}"));
	assert_int_equal(target_of(&r, "editor-server"), 8443);
	doc_fini(&r.doc);
	inject_well(&r, &operator_settings, SERVICE(ID TEMPLATE NOTE("service-port: web"), PORTS));
	assert_int_equal(target_of(&r, "web"), 8443);
	assert_int_equal(target_of(&r, "editor"), 60001);
	doc_fini(&r.doc);
}

/* Those of services are on pods as well; misspelt ones are on neither. */
static void
test_annotations_of_the_other_kind(void **state)
{
	struct injected r;

	(void)state;
	inject_well(&r, &operator_settings, POD(ID TEMPLATE NOTE("service-port: editor")));
	doc_fini(&r.doc);
	try_inject(&r, &operator_settings, SERVICE(ID TEMPLATE NOTE("prots: '3000'"), PORTS));
	assert_non_null(strstr(r.report.problems.items[0], "unknown annotation"));
	doc_fini(&r.doc);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_defaults_of_a_pod),
		cmocka_unit_test(test_git_is_left_to_gitlab),
		cmocka_unit_test(test_our_annotations_win),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_services),
		cmocka_unit_test(test_annotations_of_the_other_kind),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
