/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What injection makes of pods, workloads and services; what it refuses, by name; and that doing it
 * again, or claiming that it was done, changes nothing.
 */
#include "tests/unit/container/inject/inject_pod_support.h"

static void
test_pod(void **state)
{
	struct injected r;

	(void)state;
	run(&r, POD);
	const struct node *c = sidecar_of(&r, "spec.initContainers");
	assert_non_null(c);
	assert_true(str_equal(node_text_at(c, "image"), str_from(operator_settings.image)));
	assert_true(str_equal(node_text_at(c, "restartPolicy"), STR("Always")));
	assert_true(str_equal(env_of(c, "WORKSPACE_PROXY_EXTERNAL_URL"),
			      STR("https://kiwi.ws.example.com")));
	assert_true(
		str_equal(env_of(c, "WORKSPACE_PROXY_UPSTREAM"), STR("http://127.0.0.1:60001")));
	assert_true(str_equal(env_of(c, "WORKSPACE_PROXY_WORKSPACE_ID"), STR("7")));
	assert_true(str_equal(node_text_at(c, "resources.limits.memory"), STR("512Mi")));
	assert_int_equal(node_find(c, "securityContext.runAsNonRoot")->integer, 1);
	assert_true(str_equal(env_of(c, "WORKSPACE_PROXY_CREDENTIAL_SOCKET"),
			      STR("/run/workspace-proxy-git/credential.sock")));
	const struct node *secret =
		node_named(node_find(r.root, "spec.volumes"), STR("workspace-proxy-secret"));
	assert_true(str_equal(node_text_at(secret, "secret.secretName"), STR("workspace-kiwi")));
	assert_int_equal(node_find(secret, "secret.defaultMode")->integer, 0444);
	doc_fini(&r.doc);

	run(&r, SPEC("securityContext: {fsGroup: 1000}"));
	secret = node_named(node_find(r.root, "spec.volumes"), STR("workspace-proxy-secret"));
	assert_int_equal(node_find(secret, "secret.defaultMode")->integer, 0440);
	doc_fini(&r.doc);
}

static void
test_git(void **state)
{
	struct container_settings without = operator_settings;
	struct injected r;

	(void)state;
	run(&r, POD);
	const struct node *helper =
		node_named(node_find(r.root, "spec.initContainers"), STR("workspace-proxy-git"));
	assert_true(str_equal(node_text(node_first(node_get(helper, "args"))), STR("install")));
	const struct node *ide = node_named(node_find(r.root, "spec.containers"), STR("ide"));
	const struct node *mount =
		node_named(node_get(ide, "volumeMounts"), STR("workspace-proxy-git"));
	assert_int_equal(node_get(mount, "readOnly")->integer, 1);
	doc_fini(&r.doc);

	without.has_git = false;
	try_inject(&r, &without, POD);
	assert_int_equal(node_find(r.root, "spec.initContainers")->count, 1);
	const struct node *c = sidecar_of(&r, "spec.initContainers");
	assert_true(str_equal(env_of(c, "WORKSPACE_PROXY_CREDENTIAL_HELPER"), STR("off")));
	doc_fini(&r.doc);

	run(&r, WITH("ide-user: \"1000\""));
	c = sidecar_of(&r, "spec.initContainers");
	assert_int_equal(node_find(c, "securityContext.runAsUser")->integer, 1000);
	assert_null(node_named(node_get(c, "env"), STR("WORKSPACE_PROXY_CREDENTIAL_UID")));
	doc_fini(&r.doc);

	run(&r, IDE("securityContext: {runAsUser: 0}"));
	c = sidecar_of(&r, "spec.initContainers");
	assert_true(str_equal(env_of(c, "WORKSPACE_PROXY_CREDENTIAL_UID"), STR("0")));
	doc_fini(&r.doc);
}

static void
test_classic(void **state)
{
	struct container_settings classic = operator_settings;
	struct injected r;

	(void)state;
	classic.sidecar = CONTAINER_CLASSIC;
	try_inject(&r, &classic, POD);
	assert_int_equal(r.report.problems.count, 0);
	assert_null(sidecar_of(&r, "spec.initContainers"));
	assert_non_null(sidecar_of(&r, "spec.containers"));
	assert_null(node_get(sidecar_of(&r, "spec.containers"), "restartPolicy"));
	assert_int_equal(r.report.warnings.count, 0);
	doc_fini(&r.doc);

	try_inject(&r, &classic, SPEC("restartPolicy: OnFailure"));
	assert_int_equal(r.report.problems.count, 0);
	assert_int_equal(r.report.warnings.count, 1);
	assert_non_null(strstr(r.report.warnings.items[0], "restartPolicy"));
	doc_fini(&r.doc);
}

/* One of our names does not permit mounting our volumes. */
static void
test_git_container_of_another(void **state)
{
	static const char pod[] =
		POD_HEAD "spec:\n  containers:\n  - {name: ide, ports: [{containerPort: 1}]}\n"
			 "  - name: workspace-proxy-git\n"
			 "    volumeMounts: [{name: workspace-proxy-secret, mountPath: /x}]\n";
	struct container_settings plain = operator_settings;
	struct injected r;

	(void)state;
	plain.has_git = false;
	try_inject(&r, &plain, pod);
	assert_int_equal(r.report.problems.count, 1);
	assert_non_null(strstr(r.report.problems.items[0], "mounts volume"));
	doc_fini(&r.doc);

	try_inject(&r, &operator_settings, pod);
	assert_int_equal(r.report.problems.count, 1);
	assert_non_null(strstr(r.report.problems.items[0], "containers instead of initContainers"));
	doc_fini(&r.doc);
}

static void
assert_port_address(const char *pod, const char *expected)
{
	struct injected r;

	run(&r, pod);
	const struct node *ide = node_named(node_find(r.root, "spec.containers"), STR("ide"));
	assert_true(str_equal(env_of(ide, "VSCODE_PROXY_URI"), str_from(expected)));
	doc_fini(&r.doc);
}

static void
test_address_of_ports(void **state)
{
	(void)state;
	assert_port_address(WITH("ports: \"3000\""), "https://{{port}}-kiwi.ws.example.com/");
	assert_port_address(POD_HEAD NOTE("ports: '3000'") POD_TAIL
			    "    env: [{name: VSCODE_PROXY_URI, value: mine}]\n" POD_END,
			    "mine");
	assert_port_address(WITH("ide-env: VSCODE_PROXY_URI=ours\n" NOTE("ports: '3000'")), "ours");
	assert_port_address("apiVersion: v1\nkind: Pod\nmetadata:\n"
			    "  labels: {workspace-proxy.io/inject: 'true'}\n"
			    "  annotations:\n" NOTE("name: 60001-kiwi") NOTE("workspace-id: '7'")
				    NOTE("ports: '3000'") POD_TAIL POD_END,
			    "https://{{port}}-kiwi.ws.example.com/");
}

static void
test_annotations(void **state)
{
	struct injected r;

	(void)state;
	run(&r, WITH("ide-env: |\n      HOST=127.0.0.1\n      OTHER=a=b"));
	const struct node *ide = node_named(node_find(r.root, "spec.containers"), STR("ide"));
	assert_true(str_equal(env_of(ide, "HOST"), STR("127.0.0.1")));
	assert_true(str_equal(env_of(ide, "OTHER"), STR("a=b")));
	doc_fini(&r.doc);

	run(&r, WITH("ide-args: --host 127.0.0.1"));
	ide = node_named(node_find(r.root, "spec.containers"), STR("ide"));
	assert_int_equal(node_get(ide, "args")->count, 3);
	const struct node *args = node_first(node_get(ide, "args"));
	assert_true(str_equal(node_text(node_next(node_next(args))), STR("127.0.0.1")));
	doc_fini(&r.doc);

	run(&r, POD_HEAD NOTE("clone-url: https://gitlab.example.com/a.git")
			NOTE("clone-dir: /projects/a") NOTE("clone-depth: \"1\"")
				NOTE("cpu-limit: 500m") POD_TAIL POD_END);
	const struct node *c = sidecar_of(&r, "spec.initContainers");
	assert_non_null(node_named(node_get(c, "volumeMounts"), STR("projects")));
	assert_true(str_equal(env_of(c, "WORKSPACE_PROXY_CLONE_DIR"), STR("/projects/a")));
	assert_true(str_equal(node_text_at(c, "resources.limits.cpu"), STR("500m")));
	doc_fini(&r.doc);

	run(&r, IDE("securityContext: {runAsUser: 1000, runAsGroup: 1001}"));
	c = sidecar_of(&r, "spec.initContainers");
	assert_int_equal(node_find(c, "securityContext.runAsUser")->integer, 1000);
	assert_int_equal(node_find(c, "securityContext.runAsGroup")->integer, 1001);
	doc_fini(&r.doc);

	run(&r, SPEC("securityContext: {runAsUser: 0}"));
	c = sidecar_of(&r, "spec.initContainers");
	assert_true(node_find(c, "securityContext.runAsUser")->integer > 0);
	doc_fini(&r.doc);
}

static void
test_ssh(void **state)
{
	struct injected r;

	(void)state;
	run(&r, POD_HEAD NOTE("ssh: \"true\"") POD_TAIL
	    "    securityContext: {runAsUser: 1000}\n" POD_END);
	const struct node *c = sidecar_of(&r, "spec.initContainers");
	assert_true(str_equal(env_of(c, "WORKSPACE_PROXY_SSH_SOCKET"),
			      STR("/run/workspace-proxy-ssh/ssh.sock")));
	const struct node *ide = node_named(node_find(r.root, "spec.containers"), STR("ide"));
	assert_non_null(node_named(node_get(ide, "volumeMounts"), STR("workspace-proxy-ssh")));
	const struct node *word = node_first(node_find(ide, "lifecycle.postStart.exec.command"));
	assert_true(str_equal(node_text(word), STR("/run/workspace-proxy-git/workspace-ssh")));
	while (node_next(word) != NULL)
		word = node_next(word);
	assert_true(str_equal(node_text(word), STR("1000")));
	const struct node *install =
		node_named(node_find(r.root, "spec.initContainers"), STR("workspace-proxy-git"));
	assert_true(str_equal(node_text(node_next(node_first(node_get(install, "args")))),
			      STR("--sshd")));
	const struct node *volume =
		node_named(node_find(r.root, "spec.volumes"), STR("workspace-proxy-git"));
	assert_null(node_find(volume, "emptyDir.medium"));
	doc_fini(&r.doc);

	run(&r, POD);
	volume = node_named(node_find(r.root, "spec.volumes"), STR("workspace-proxy-git"));
	assert_non_null(node_find(volume, "emptyDir.medium"));
	ide = node_named(node_find(r.root, "spec.containers"), STR("ide"));
	assert_null(node_get(ide, "lifecycle"));
	assert_null(node_named(node_find(r.root, "spec.volumes"), STR("workspace-proxy-ssh")));
	doc_fini(&r.doc);
}

/* What was injected stays unchanged, also with the defaults of the API server. */
static void
test_injecting_again_changes_nothing(void **state)
{
	static const char *const pods[] = {
		POD,
		WITH("ide-args: --host 127.0.0.1"),
		WITH("ide-env: A=1"),
		IDE("securityContext: {runAsUser: 1000}"),
		WITH("cpu-limit: \"0.5\""),
		WITH("status: forged"),
		WITH("ssh: \"true\""),
	};

	(void)state;
	for (size_t i = 0; i < COUNT(pods); i++) {
		struct inject_report report;
		struct injected r;
		run(&r, pods[i]);
		struct node *once = node_copy(&r.doc, r.root);
		assert_true(inject_object(&operator_settings, &r.doc, r.root, &report));
		assert_int_equal(report.problems.count, 0);
		assert_true(node_equal(once, r.root));
		doc_fini(&r.doc);
	}
}

static void
test_injecting_again_after_the_api_server(void **state)
{
	struct inject_report report;
	struct injected r;

	(void)state;
	run(&r, POD);
	struct doc *d = &r.doc;
	struct node *c = node_named(node_find(r.root, "spec.initContainers"), STR(INJECT_NAME));
	node_set_str(d, node_find(c, "resources.limits"), "memory", STR("0.5Gi"));
	node_set_str(d, node_find(c, "resources.limits"), "cpu", STR("1000m"));
	node_set_int(d, node_get(c, "securityContext"), "runAsUser", 1000650000);
	node_set_int(d, node_set_map(d, node_get(r.root, "spec"), "securityContext"), "fsGroup", 5);
	struct node *mount = node_append_map(d, node_get(c, "volumeMounts"));
	node_set_str(d, mount, "name", STR("kube-api-access-x"));
	node_set_str(d, mount, "mountPath", STR("/var/run/secrets/kubernetes.io/serviceaccount"));
	node_set_bool(d, mount, "readOnly", true);
	struct node *volume = node_append_map(d, node_find(r.root, "spec.volumes"));
	node_set_str(d, volume, "name", STR("kube-api-access-x"));
	struct node *sources = node_set_list(d, node_set_map(d, volume, "projected"), "sources");
	node_set_map(d, node_append_map(d, sources), "serviceAccountToken");
	node_set_str(d, node_set_map(d, node_append_map(d, sources), "configMap"), "name",
		     STR("kube-root-ca.crt"));
	struct node *before = node_copy(d, r.root);
	assert_true(inject_object(&operator_settings, d, r.root, &report));
	for (size_t i = 0; i < report.problems.count; i++)
		fail_msg("%s", report.problems.items[i]);
	assert_true(node_equal(before, r.root));
	doc_fini(d);
}

/* The API server leaves out fields of a variable that are empty. */
static void
test_an_empty_value_stays_left_out(void **state)
{
	struct inject_report report;
	struct injected r;

	(void)state;
	run(&r, WITH("ide-env: A="));
	struct node *ide = node_named(node_find(r.root, "spec.containers"), STR("ide"));
	struct node *variable = node_named(node_get(ide, "env"), STR("A"));
	assert_true(str_is_empty(node_text(node_get(variable, "value"))));
	node_remove(variable, "value");
	struct node *before = node_copy(&r.doc, r.root);
	assert_true(inject_object(&operator_settings, &r.doc, r.root, &report));
	assert_int_equal(report.problems.count, 0);
	assert_true(node_equal(before, r.root));
	doc_fini(&r.doc);
}

static void
test_pod_template(void **state)
{
	struct injected r;

	(void)state;
	run(&r, "{apiVersion: v1, kind: PodTemplate, template: {metadata: {labels: "
		"{workspace-proxy.io/inject: 'true'}, annotations: {workspace-proxy.io/name: kiwi, "
		"workspace-proxy.io/workspace-id: '7'}}, spec: {containers: "
		"[{name: ide, ports: [{containerPort: 60001}]}]}}}");
	assert_non_null(sidecar_of(&r, "template.spec.initContainers"));
	doc_fini(&r.doc);
}

static void
test_workloads(void **state)
{
	static const char *const kinds[][3] = {
		{"apps/v1", "Deployment", "template"},
		{"apps/v1", "StatefulSet", "template"},
		{"apps/v1", "DaemonSet", "template"},
		{"apps/v1", "ReplicaSet", "template"},
		{"batch/v1", "Job", "template"},
		{"v1", "ReplicationController", "template"},
		{"argoproj.io/v1alpha1", "Rollout", "template"},
		{"apps.openshift.io/v1", "DeploymentConfig", "template"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(kinds); i++) {
		struct injected r;
		struct buf text;
		buf_init(&text, 8192);
		buf_addf(&text,
			 "{apiVersion: %s, kind: %s, spec: {template: {metadata: {labels: "
			 "{workspace-proxy.io/inject: 'true'}, annotations: "
			 "{workspace-proxy.io/name: kiwi, workspace-proxy.io/workspace-id: '7'}}, "
			 "spec: {containers: [{name: ide, ports: [{containerPort: 60001}]}]}}}}",
			 kinds[i][0], kinds[i][1]);
		buf_add_byte(&text, '\0');
		run(&r, text.data);
		assert_non_null(sidecar_of(&r, "spec.template.spec.initContainers"));
		doc_fini(&r.doc);
		buf_fini(&text);
	}
}

static void
test_service(void **state)
{
	struct injected r;

	(void)state;
	run(&r,
	    "apiVersion: v1\nkind: Service\n"
	    "metadata: {labels: {workspace-proxy.io/inject: 'true'}}\n"
	    "spec: {ports: [{name: a, port: 1}, {name: workspace, port: 443, targetPort: 60001, "
	    "appProtocol: http}]}\n");
	const struct node *port = node_named(node_find(r.root, "spec.ports"), STR("workspace"));
	assert_int_equal(node_get(port, "targetPort")->integer, 8443);
	assert_true(str_equal(node_text_at(port, "appProtocol"), STR("https")));
	doc_fini(&r.doc);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_pod),
		cmocka_unit_test(test_git),
		cmocka_unit_test(test_classic),
		cmocka_unit_test(test_git_container_of_another),
		cmocka_unit_test(test_address_of_ports),
		cmocka_unit_test(test_annotations),
		cmocka_unit_test(test_ssh),
		cmocka_unit_test(test_injecting_again_changes_nothing),
		cmocka_unit_test(test_injecting_again_after_the_api_server),
		cmocka_unit_test(test_an_empty_value_stays_left_out),
		cmocka_unit_test(test_workloads),
		cmocka_unit_test(test_pod_template),
		cmocka_unit_test(test_service),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
