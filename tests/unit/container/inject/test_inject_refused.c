/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pods that are refused, and what the author or the operator can do about it.
 */
#include "tests/unit/container/inject/inject_pod_support.h"

#define CLONE_INTO(mount, directory)                                                               \
	POD_HEAD NOTE("clone-url: https://gitlab.example.com/a.git")                               \
		NOTE("clone-dir: " directory) "spec:\n  containers:\n  - name: ide\n"              \
					      "    ports: [{containerPort: 1}]\n"                  \
					      "    volumeMounts: [{name: x, mountPath: " mount     \
					      "}]\n"

/* A container with our name that is not ours. */
static void
test_differing_container(void **state)
{
	static const struct {
		const char *path;
		const char *key;
	} changes[] = {
		{"", "image"},
		{"", "imagePullPolicy"},
		{"", "restartPolicy"},
		{"", "command"},
		{"", "lifecycle"},
		{"resources.limits", "cpu"},
		{"securityContext", "runAsNonRoot"},
		{"securityContext.seccompProfile", "type"},
		{"readinessProbe.httpGet", "path"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(changes); i++) {
		struct inject_report report;
		struct injected r;
		run(&r, POD);
		struct node *c =
			node_named(node_find(r.root, "spec.initContainers"), STR(INJECT_NAME));
		struct node *part = changes[i].path[0] == '\0' ? c : node_find(c, changes[i].path);
		assert_non_null(part);
		node_set_str(&r.doc, part, changes[i].key, STR("other"));
		(void)inject_object(&operator_settings, &r.doc, r.root, &report);
		if (report.problems.count != 1 ||
		    strstr(report.problems.items[0], changes[i].key) == NULL)
			fail_msg("%s.%s: %s", changes[i].path, changes[i].key,
				 report.problems.count == 0 ? "taken" : report.problems.items[0]);
		doc_fini(&r.doc);
	}
}

#define SSH(rest) POD_HEAD NOTE("ssh: \"true\"") rest

static const char *const refused[][2] = {
	{WITH("ssh: yes please"), "expected true"},
	{SSH(POD_TAIL "    lifecycle: {postStart: {exec: {command: [x]}}}\n" POD_END),
	 "postStart hook of its own"},
	{SSH(POD_TAIL "    securityContext: {runAsUser: 0}\n" POD_END), "runs as root"},
	{SSH("spec: {containers: [{name: ide, ports: [{containerPort: 1}], volumeMounts: [{name: "
	     "workspace-proxy-ssh, mountPath: /run/workspace-proxy-ssh, readOnly: true}]}]}\n"),
	 "mount workspace-proxy-ssh: exists and differs at readOnly"},
	{WITH("upstream-prot: \"1\""), "did you mean workspace-proxy.io/upstream-port"},
	{WITH("image: evil:1"), "not allowed by the operator"},
	{WITH("secret: other"), "not allowed by the operator"},
	{WITH("tls-secret: other"), "not allowed by the operator"},
	{WITH("upstream-port: 60001"), "must be a string"},
	{WITH("upstream-port: \"8443\""), "upstream-port"},
	{WITH("upstream-port: \"0\""), "upstream-port"},
	{WITH("container: other"), "there is no container other"},
	{WITH("clone-url: https://gitlab.example.com/a.git"), "clone-dir"},
	{WITH("clone-dir: /projects/a"), "clone-url"},
	{CLONE_INTO("/usr/bin", "/usr/bin/a"), "reserved for the sidecar"},
	{CLONE_INTO("/etc/", "/etc/workspace-proxy/a"), "reserved for the sidecar"},
	{CLONE_INTO("/run/workspace-proxy", "/run/workspace-proxy/a"), "reserved for the sidecar"},
	{CLONE_INTO("//etc", "//etc/a"), "clone-dir: "},
	{CLONE_INTO("/etc/.", "/etc/./a"), "clone-dir: "},
	{CLONE_INTO("/", "/a"), "is not on a writable volume"},
	{POD_HEAD NOTE("clone-url: https://gitlab.example.com/a.git") NOTE("clone-dir: /etc/a")
		 POD_TAIL POD_END,
	 "clone-dir: is not on a writable volume"},
	{WITH("project: $(SECRET)"), "project"},
	{WITH("cpu-request: 4"), "must be a string"},
	{WITH("cpu-request: \"4\""), "exceeds limit"},
	{WITH("memory-limit: lots"), "memory-limit"},
	{WITH("external-url: https://kiwi.other.example.com"), "INJECT_ZONE"},
	{WITH("external-url: https://a.kiwi.ws.example.com"), "INJECT_ZONE"},
	{WITH("external-url: https://kiwi.ws.example.com:8443"), "INJECT_ZONE"},
	{WITH("external-url: https://kiwi.ws.example.com/x"), "external-url"},
	{WITH("external-url: https://plum.ws.example.com"), "contradicts annotation"},
	{WITH("external-url: http://kiwi.ws.example.com"), "external-url"},
	{WITH("ide-env: no assignment"), "NAME=value"},
	{SPEC("hostNetwork: true"), "hostNetwork"},
	{SPEC("hostPID: true"), "hostPID"},
	{SPEC("shareProcessNamespace: true"), "shareProcessNamespace"},
	{POD_HEAD "spec:\n  containers:\n  - {name: ide, ports: [{containerPort: 8443}]}\n",
	 "8443"},
	{POD_HEAD
	 "spec:\n  containers:\n  - {name: ide, ports: [{containerPort: 1, hostPort: 1}]}\n",
	 "hostPort"},
	{POD_HEAD
	 "spec:\n  containers:\n  - {name: ide, ports: [{containerPort: 1, name: wsp-x}]}\n",
	 "wsp-"},
	{POD_HEAD "spec:\n  containers:\n  - {name: ide}\n", "upstream-port: required"},
	{POD_HEAD "spec:\n  containers: []\n", "no container"},
	{POD_HEAD "spec: none\n", "spec"},
	{POD_HEAD POD_TAIL "  volumes: [{name: x, secret: {secretName: workspace-kiwi}}]\n",
	 "volume x: contains secret workspace-kiwi"},
	{POD_HEAD POD_TAIL
	 "  volumes: [{name: x, projected: {sources: [{secret: {name: workspace-kiwi}}]}}]\n",
	 "volume x: contains secret workspace-kiwi"},
	{POD_HEAD "    \"workspace-proxy.io/a\\e[2Jb\": x\n" POD_TAIL POD_END, "a?[2Jb"},
	{POD_HEAD POD_TAIL "  volumes: [{name: workspace-proxy-secret, emptyDir: {}}]\n",
	 "differs"},
	{IDE("envFrom: [{secretRef: {name: workspace-kiwi}}]"), "reads secret"},
	{IDE("env: [{name: A, valueFrom: {secretKeyRef: {name: workspace-kiwi, key: x}}}]"),
	 "reads secret"},
	{POD_HEAD "spec:\n  containers:\n  - name: ide\n    ports: [{containerPort: 1}]\n"
		  "    volumeMounts: [{name: workspace-proxy-tls, mountPath: /x}]\n",
	 "mounts volume workspace-proxy-tls"},
	{POD_HEAD "spec:\n  containers:\n  - {name: ide, ports: [{containerPort: 1}]}\n"
		  "  - {name: b, volumeMounts: [{name: workspace-proxy-git, mountPath: /x}]}\n",
	 "mounts volume workspace-proxy-git"},
	{POD_HEAD
	 "spec:\n  containers:\n  - {name: ide, ports: [{containerPort: 1}], volumeMounts: "
	 "[{name: workspace-proxy-git, mountPath: /run/workspace-proxy-git}]}\n",
	 "mount workspace-proxy-git: exists and differs"},
	{POD_HEAD "spec:\n  containers:\n  - {name: ide, ports: [{containerPort: 1}]}\n"
		  "  - {name: workspace-proxy, image: x}\n",
	 "in containers instead of initContainers"},
	{IDE("securityContext: {privileged: true}"), "container ide: privileged"},
	{IDE("securityContext: {capabilities: {add: [CAP_SYS_ADMIN]}}"), "capability SYS_ADMIN"},
	{IDE("securityContext: {capabilities: {add: [ALL]}}"), "capability ALL"},
	/* Container runtimes take names of capabilities in any case. */
	{IDE("securityContext: {capabilities: {add: [sys_admin]}}"), "capability SYS_ADMIN"},
	{IDE("securityContext: {capabilities: {add: [cap_Sys_Ptrace]}}"), "capability SYS_PTRACE"},
	{IDE("securityContext: {capabilities: {add: [all]}}"), "capability ALL"},
	{IDE("securityContext: {capabilities: {add: [PERFMON]}}"), "capability PERFMON"},
	{IDE("securityContext: {capabilities: {add: [SYS_BOOT]}}"), "capability SYS_BOOT"},
	{IDE("securityContext: {capabilities: {add: [cap_net_admin]}}"),
	 "container ide: capability NET_ADMIN: it could redirect the sidecar's port"},
	{SPEC("initContainers: [{name: istio-init, securityContext: {capabilities: {add: "
	      "[NET_ADMIN, NET_RAW]}}}]"),
	 "container istio-init: capability NET_ADMIN"},
	{IDE("env: [{name: A, valueFrom: {fileKeyRef: {volumeName: workspace-proxy-state, path: "
	     "sessions, key: A}}}]"),
	 "container ide: reads volume workspace-proxy-state"},
	{SPEC("securityContext: {seLinuxOptions: {type: spc_t}}"), "spc_t is not confined"},
	{IDE("securityContext: {seLinuxOptions: {type: spc_t}}"),
	 "container ide: seLinuxOptions: type spc_t is not confined"},
	{SPEC("initContainers: [{name: a, securityContext: {seLinuxOptions: {type: spc_t}}}]"),
	 "container a: seLinuxOptions"},
	{POD_HEAD POD_TAIL "  volumes: [{name: x, hostPath: {path: /var/lib/kubelet/pods}}]\n",
	 "volume x: hostPath"},
	{POD_HEAD POD_TAIL "  volumes: [{name: x, hostPath: {path: /var}}]\n",
	 "volume x: hostPath"},
	{POD_HEAD POD_TAIL "  volumes: [{name: x, hostPath: {path: /}}]\n", "volume x: hostPath"},
	{POD_HEAD POD_TAIL
	 "  volumes: [{name: x, hostPath: {path: /run/k3s/containerd/containerd.sock}}]\n",
	 "volume x: hostPath"},
	{POD_HEAD POD_TAIL "  volumes: [{name: x, hostPath: {path: /var/lib/rancher/k3s/agent}}]\n",
	 "volume x: hostPath"},
	{POD_HEAD POD_TAIL "  volumes: [{name: x, hostPath: {path: /var/lib/etcd}}]\n",
	 "volume x: hostPath"},
	{POD_HEAD POD_TAIL "  volumes: [{name: x, hostPath: {path: /dev/sda}}]\n",
	 "volume x: hostPath"},
	{POD_HEAD POD_TAIL "  volumes: [{name: x, hostPath: {path: /run/nri}}]\n",
	 "volume x: hostPath"},
	{POD_HEAD POD_TAIL "  volumes: [{name: x, hostPath: {path: /opt/nri/plugins}}]\n",
	 "volume x: hostPath"},
	{POD_HEAD POD_TAIL "  volumes: [{name: x, hostPath: {path: /etc/cni/net.d}}]\n",
	 "volume x: hostPath"},
	{POD_HEAD POD_TAIL "  volumes: [{name: x, hostPath: {path: /sys/kernel}}]\n",
	 "volume x: hostPath"},
	{POD_HEAD POD_TAIL "  volumes: [{name: x, hostPath: {path: /run/docker.sock}}]\n",
	 "volume x: hostPath"},
	{POD_HEAD
	 "spec:\n  containers:\n  - {name: ide, ports: [{containerPort: 1}], volumeMounts: "
	 "[{name: workspace-proxy-git, mountPath: /run/workspace-proxy-git, readOnly: "
	 "true}, {name: workspace-proxy-git, mountPath: /x}]}\n",
	 "mounts volume workspace-proxy-git twice"},
	{"apiVersion: v1\nkind: Pod\nmetadata:\n  labels: {workspace-proxy.io/inject: 'true'}\n"
	 "  annotations: {workspace-proxy.io/name: 3000-kiwi}\n" POD_TAIL,
	 "host of port 3000"},
	{POD_HEAD NOTE("clone-url: https://gitlab.example.com/a.git")
		 NOTE("clone-dir: /p/a") "spec:\n  containers:\n  - name: ide\n    ports: "
					 "[{containerPort: 1}]\n"
					 "    volumeMounts: [{name: x, mountPath: /p, subPathExpr: "
					 "$(USER)}]\n",
	 "subPathExpr"},
	{"apiVersion: v1\nkind: Pod\nmetadata: {annotations: {workspace-proxy.io/inject: "
	 "'true'}}\n",
	 "must be a label"},
	{"apiVersion: apps/v1\nkind: Deployment\nspec: {template: {metadata: {annotations: "
	 "{workspace-proxy.io/inject: 'true'}}}}\n",
	 "must be a label"},
	{"apiVersion: serving.knative.dev/v1\nkind: Service\nspec: {template: {metadata: {labels: "
	 "{workspace-proxy.io/inject: 'true'}}}}\n",
	 "kind Service is not supported"},
	{"apiVersion: example.com/v1\nkind: Rollout\nspec: {template: {metadata: {labels: "
	 "{workspace-proxy.io/inject: 'true'}}}}\n",
	 "kind Rollout is not supported"},
	{"apiVersion: argoproj.io/v1alpha1\nkind: Rollout\nspec: {template: {metadata: {labels: "
	 "{workspace-proxy.io/inject: 'true'}}}}\n",
	 "the pod has no spec"},
	{"apiVersion: v1\nkind: PodList\nitems: [{metadata: {labels: {workspace-proxy.io/inject: "
	 "'true'}}}]\n",
	 "kind PodList is not supported"},
	{"apiVersion: v1\nkind: PodTemplate\ntemplate: {metadata: {labels: "
	 "{workspace-proxy.io/inject: 'yes'}}}\n",
	 "expected true or false"},
	{"apiVersion: v1\nkind: Pod\nmetadata: {labels: {workspace-proxy.io/inject: true}}\n",
	 "must be a string"},
	{"apiVersion: v1\nkind: Pod\nmetadata: {labels: {workspace-proxy.io/inject: \"yes\"}}\n",
	 "expected true or false"},
	{"apiVersion: v1\nkind: Service\nmetadata: {labels: {workspace-proxy.io/inject: "
	 "\"true\"}}\n"
	 "spec: {type: ExternalName}\n",
	 "ExternalName"},
	{"apiVersion: v1\nkind: Service\nmetadata: {labels: {workspace-proxy.io/inject: "
	 "\"true\"}}\n"
	 "spec: {ports: [{name: a, port: 1}, {name: b, port: 2}]}\n",
	 "service-port"},
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

/* Checks compare the entries of these lists with each other, while other reviews wait. */
static void
test_long_lists(void **state)
{
	static const struct {
		const char *path;
		const char *key;
		const char *said;
	} lists[] = {
		{"spec", "volumes", "volumes: more than 1000 entries"},
		{"spec", "initContainers", "initContainers: more than 1000 entries"},
		{"ide", "env", "container ide: env: more than 1000 entries"},
		{"ide", "envFrom", "container ide: envFrom: more than 1000 entries"},
		{"ide", "volumeMounts", "container ide: volumeMounts: more than 1000 entries"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(lists); i++) {
		struct injected r;
		read_object(&r, POD);
		struct node *spec = node_get(r.root, "spec");
		struct node *owner = strcmp(lists[i].path, "spec") == 0
					     ? spec
					     : node_first(node_get(spec, "containers"));
		struct node *list = node_new(&r.doc, NODE_LIST);
		node_set(&r.doc, owner, lists[i].key, list);
		for (unsigned n = 0; n < 30000; n++)
			node_set_str(&r.doc, node_append_map(&r.doc, list), "name",
				     STR("workspace-proxy-git"));
		inject_into(&r, &operator_settings);
		assert_int_equal(r.report.problems.count, 1);
		assert_string_equal(r.report.problems.items[0], lists[i].said);
		doc_fini(&r.doc);
	}
}

static void
test_allowed_by_the_operator(void **state)
{
	struct container_settings open = operator_settings;
	struct injected r;

	(void)state;
	open.allowed = CONTAINER_ALLOW_IMAGE | CONTAINER_ALLOW_SECRETS;
	try_inject(&r, &open,
		   POD_HEAD NOTE("image: other:2") NOTE("secret: theirs") POD_TAIL POD_END);
	assert_int_equal(r.report.problems.count, 0);
	const struct node *c = sidecar_of(&r, "spec.initContainers");
	assert_true(str_equal(node_text_at(c, "image"), STR("other:2")));
	doc_fini(&r.doc);
}

/* Init containers of service meshes redirect the pod's traffic. */
static void
test_net_admin_allowed_by_the_operator(void **state)
{
	struct container_settings open = operator_settings;
	struct injected r;

	(void)state;
	open.allowed = CONTAINER_ALLOW_NET_ADMIN;
	inject_well(&r, &open,
		    SPEC("initContainers: [{name: istio-init, securityContext: {capabilities: "
			 "{add: [NET_ADMIN, NET_RAW]}}}]"));
	doc_fini(&r.doc);
	try_inject(&r, &open, IDE("securityContext: {capabilities: {add: [ALL]}}"));
	assert_int_equal(r.report.problems.count, 1);
	doc_fini(&r.doc);
}

static void
test_not_ours(void **state)
{
	static const char *const others[] = {
		"apiVersion: v1\nkind: Pod\nspec: {containers: [{name: ide}]}\n",
		"apiVersion: v1\nkind: Pod\nmetadata: {labels: {workspace-proxy.io/inject: "
		"'false'}}\n",
		"apiVersion: v1\nkind: ConfigMap\nmetadata: {labels: {workspace-proxy.io/inject: "
		"'true'}}\n",
		"apiVersion: example.com/v1\nkind: Pod\nmetadata: {labels: "
		"{workspace-proxy.io/inject: 'true'}}\n",
		"just text",
		"[1, 2]",
	};

	(void)state;
	for (size_t i = 0; i < COUNT(others); i++) {
		struct injected r;
		try_inject(&r, &operator_settings, others[i]);
		assert_false(r.is_ours);
		assert_int_equal(r.report.problems.count, 0);
		doc_fini(&r.doc);
	}
}

static void
test_warnings(void **state)
{
	static const char *const cases[][2] = {
		{POD_HEAD NOTE("ide-env: HOST=127.0.0.1") POD_TAIL
		 "    livenessProbe: {grpc: {port: 60001}}\n" POD_END,
		 "livenessProbe"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct injected r;
		run(&r, cases[i][0]);
		assert_int_equal(r.report.warnings.count, 1);
		assert_non_null(strstr(r.report.warnings.items[0], cases[i][1]));
		doc_fini(&r.doc);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_differing_container),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_long_lists),
		cmocka_unit_test(test_allowed_by_the_operator),
		cmocka_unit_test(test_net_admin_allowed_by_the_operator),
		cmocka_unit_test(test_not_ours),
		cmocka_unit_test(test_warnings),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
