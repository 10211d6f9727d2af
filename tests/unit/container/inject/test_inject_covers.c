/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which changes to the sidecar's container are accepted after injection, and which are not.
 */
#include "tests/unit/container/inject/inject_support.h"

#define POD                                                                                        \
	"{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"metadata\":{\"labels\":"                        \
	"{\"workspace-proxy.io/inject\":\"true\"},\"annotations\":{\"workspace-proxy.io/name\":"   \
	"\"kiwi\",\"workspace-proxy.io/workspace-id\":\"7\"}},\"spec\":{\"containers\":["          \
	"{\"name\":\"ide\",\"ports\":[{\"containerPort\":60001}]}]}}"

static const struct container_settings operator_settings = {
	INJECT_SETTINGS,
	.gitlab_url = "https://gitlab.example.com",
	.authorization = "workspace",
	.needs_workspace_id = true,
	.secret_keys = CONTAINER_KEY_COOKIE_SECRET,
	.has_git = true,
};

#define HEX64	      "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define IMAGE	      "registry.example.com/workspace-proxy:1"
#define AWS_PATH      "/var/run/secrets/eks.amazonaws.com/serviceaccount"
#define ACCOUNT_PATH  "/var/run/secrets/kubernetes.io/serviceaccount"
#define ADDED(fields) "{\"name\":\"projects\",\"mountPath\":" fields "}"
#define LIST(element) "[" element "]"
#define VARIABLE(n)   "{\"name\":\"" n "\",\"value\":\"x\"}"

/* Later changes of others in our container: a member of the map at path, or an element added to the
 * list there (key is ""). */
static const struct {
	const char *path;
	const char *key;
	const char *json;
	bool is_accepted;
} changes_by_others[] = {
	{"resources.limits", "ephemeral-storage", LIST("\"1Gi\""), true},
	{"resources.requests", "example.com/gpu", LIST("\"1\""), true},
	{"resources", "claims", LIST("[]"), false},
	{"resources.limits", "memory", LIST("\"1Mi\""), false},
	{"", "imagePullPolicy", LIST("\"Always\""), true},
	{"", "imagePullPolicy", LIST("\"Never\""), false},
	{"", "image", LIST("\"" IMAGE "@sha256:" HEX64 "\""), true},
	{"", "image", LIST("\"" IMAGE "@sha256:0123\""), false},
	{"", "image", LIST("\"registry.example.com/workspace-proxy:2@sha256:" HEX64 "\""), false},
	{"", "image", LIST("\"registry.example.com/workspace-proxy@sha256:" HEX64 "\""), false},
	{"", "image", LIST("\"" IMAGE "-evil@sha256:" HEX64 "\""), false},
	{"", "resizePolicy", LIST("[]"), true},
	{"securityContext", "resizePolicy", LIST("[]"), false},
	{"securityContext", "procMount", LIST("\"Default\""), true},
	{"securityContext", "procMount", LIST("\"Unmasked\""), false},
	{"securityContext", "seLinuxOptions", LIST("{\"type\":\"spc_t\"}"), false},
	{"securityContext", "runAsUser", LIST("1000"), true},
	{"", "runAsUser", LIST("1000"), false},
	{"env", "", LIST(VARIABLE("AWS_REGION")), true},
	{"env", "", LIST(VARIABLE("OTHER")), false},
	{"env", "", LIST(VARIABLE("LD_PRELOAD")), false},
	{"env", "", LIST(VARIABLE("WORKSPACE_PROXY_UPSTREAM")), false},
	{"volumeMounts", "", LIST(ADDED("\"" AWS_PATH "\",\"readOnly\":true")), true},
	{"volumeMounts", "", LIST(ADDED("\"" AWS_PATH "\"")), false},
	{"volumeMounts", "", LIST(ADDED("\"/usr/bin\",\"readOnly\":true")), false},
	{"volumeMounts", "", LIST(ADDED("\"" ACCOUNT_PATH "\",\"readOnly\":true")), false},
	{"command", "", LIST("\"x\""), false},
};

static void
test_changes_by_others(void **state)
{
	struct container_settings settings = operator_settings;

	(void)state;
	settings.tolerated = "AWS_*, " AWS_PATH;
	for (size_t i = 0; i < COUNT(changes_by_others); i++) {
		const char *path = changes_by_others[i].path;
		const char *key = changes_by_others[i].key;
		struct inject_report report;
		struct err e = ERR_INIT;
		struct doc d;
		doc_init(&d);
		struct node *pod = node_read_json(&d, STR(POD), 4096, &e);
		assert_non_null(pod);
		assert_true(inject_object(&settings, &d, pod, &report));
		assert_int_equal(report.problems.count, 0);
		struct node *c =
			node_named(node_find(pod, "spec.initContainers"), STR(INJECT_NAME));
		struct node *value = node_first(
			node_read_json(&d, str_from(changes_by_others[i].json), 4096, &e));
		struct node *part = path[0] == '\0' ? c : node_find(c, path);
		assert_non_null(value);
		if (part == NULL)
			part = node_set_list(&d, c, path);
		if (key[0] == '\0')
			node_append(part, value);
		else
			node_set(&d, part, key, value);
		(void)inject_object(&settings, &d, pod, &report);
		if ((report.problems.count == 0) != changes_by_others[i].is_accepted)
			fail_msg("%s.%s %s: %s", path, key, changes_by_others[i].json,
				 report.problems.count == 0 ? "accepted"
							    : report.problems.items[0]);
		doc_fini(&d);
	}
}

/* The container that installs git's helper has no variables of its own. */
static void
test_first_variable_of_a_container(void **state)
{
	static const char *const variables[] = {LIST(VARIABLE("AWS_REGION")),
						LIST(VARIABLE("OTHER"))};
	struct container_settings settings = operator_settings;

	(void)state;
	settings.has_git = true;
	settings.tolerated = "AWS_*";
	for (size_t i = 0; i < COUNT(variables); i++) {
		struct inject_report report;
		struct err e = ERR_INIT;
		struct doc d;
		doc_init(&d);
		struct node *pod = node_read_json(&d, STR(POD), 4096, &e);
		assert_true(inject_object(&settings, &d, pod, &report));
		struct node *git =
			node_named(node_find(pod, "spec.initContainers"), STR(INJECT_NAME "-git"));
		assert_non_null(git);
		assert_null(node_get(git, "env"));
		node_set(&d, git, "env", node_read_json(&d, str_from(variables[i]), 4096, &e));
		(void)inject_object(&settings, &d, pod, &report);
		assert_int_equal(report.problems.count, i);
		doc_fini(&d);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_changes_by_others),
		cmocka_unit_test(test_first_variable_of_a_container),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
