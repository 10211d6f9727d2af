/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which user ids and groups sidecars get, and which neighbours are refused.
 */
#include <stdio.h>

#include "tests/unit/container/inject/inject_support.h"

static const struct container_settings operator_settings = {
	INJECT_SETTINGS,
	.gitlab_url = "https://gitlab.example.com",
	.authorization = "workspace",
	.user = CONTAINER_USER_OWN,
	.has_git = true,
};

/* User ids in the IDE's container, the pod's security context, and the annotations. */
struct pod {
	const char *notes;
	const char *spec;
	const char *ide;
};

static void
inject_pod_text(struct injected *r, const struct pod *p)
{
	char yaml[4096];

	(void)snprintf(yaml, sizeof(yaml),
		       INJECT_POD_HEAD
		       "%sspec:\n%s  containers:\n  - name: ide\n    image: ide\n"
		       "    ports: [{containerPort: 60001}]\n%s"
		       "    volumeMounts: [{name: projects, mountPath: /projects}]\n"
		       "  - {name: db, image: db}\n"
		       "  volumes: [{name: projects, emptyDir: {}}]\n",
		       p->notes, p->spec, p->ide);
	try_inject(r, &operator_settings, yaml);
}

#define CLONE	 NOTE("clone-url: https://gitlab.example.com/a/b.git") NOTE("clone-dir: /projects/b")
#define USER(id) "    securityContext: {runAsUser: " id "}\n"

static const struct node *
sidecar(const struct injected *r)
{
	return node_named(node_find(r->root, "spec.initContainers"), STR("workspace-proxy"));
}

static struct str
variable(const struct injected *r, const char *name)
{
	char whole[64];

	(void)snprintf(whole, sizeof(whole), "WORKSPACE_PROXY_%s", name);
	return node_text_at(node_named(node_get(sidecar(r), "env"), str_from(whole)), "value");
}

static void
assert_variable(const struct injected *r, const char *name, const char *expected)
{
	if (!str_equal(variable(r, name), str_from(expected)))
		fail_msg("%s: %.*s instead of %s", name, STR_FMT(variable(r, name)), expected);
}

static void
test_a_user_of_its_own(void **state)
{
	struct injected r;

	(void)state;
	inject_pod_text(&r, &(struct pod){CLONE, "", USER("1000")});
	assert_int_equal(r.report.problems.count, 0);
	assert_int_equal(r.report.warnings.count, 0);
	assert_int_equal(node_int_at(sidecar(&r), "securityContext.runAsUser"), 65532);
	assert_int_equal(node_int_at(sidecar(&r), "securityContext.runAsGroup"), 65532);
	assert_int_equal(node_int_at(node_first(node_find(r.root, "spec.initContainers")),
				     "securityContext.runAsUser"),
			 65532);
	assert_variable(&r, "CREDENTIAL_UID", "1000");
	assert_variable(&r, "CLONE_GROUP", "65532");
	assert_variable(&r, "CLONE_UMASK", "0002");
	assert_int_equal(node_int_at(r.root, "spec.securityContext.fsGroup"), 65532);
	assert_true(str_equal(node_text_at(r.root, "spec.securityContext.fsGroupChangePolicy"),
			      STR("OnRootMismatch")));
	/* Injecting again changes nothing. */
	struct node *before = node_copy(&r.doc, r.root);
	inject_into(&r, &operator_settings);
	assert_int_equal(r.report.problems.count, 0);
	assert_true(node_equal(before, r.root));
	doc_fini(&r.doc);
}

static void
test_user_ids_in_the_pod(void **state)
{
	static const struct {
		struct pod pod;
		const char *credential;
		const char *group;
	} cases[] = {
		{{CLONE, "  securityContext: {runAsUser: 7, fsGroup: 5}\n", ""}, "7", "5"},
		{{CLONE, "  securityContext: {runAsUser: 7}\n", USER("8")}, "8", "65532"},
		{{CLONE, "  securityContext: {runAsUser: 7}\n", USER("0")}, "0", "65532"},
		{{NOTE("ide-user: \"9\""), "", ""}, "9", ""},
		{{"", "", ""}, "", ""},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct injected r;

		inject_pod_text(&r, &cases[i].pod);
		assert_int_equal(r.report.problems.count, 0);
		assert_int_equal(node_int_at(sidecar(&r), "securityContext.runAsUser"), 65532);
		assert_variable(&r, "CREDENTIAL_UID", cases[i].credential);
		assert_variable(&r, "CLONE_GROUP", cases[i].group);
		/* Without a clone, the pod's security context is not changed. */
		if (cases[i].group[0] == '\0')
			assert_null(node_find(r.root, "spec.securityContext"));
		doc_fini(&r.doc);
	}
}

static void
test_a_user_that_only_the_image_knows(void **state)
{
	struct injected r;

	(void)state;
	inject_pod_text(&r, &(struct pod){CLONE, "", ""});
	assert_int_equal(r.report.problems.count, 0);
	assert_int_equal(r.report.warnings.count, 1);
	assert_non_null(strstr(r.report.warnings.items[0], "ide-user"));
	assert_variable(&r, "CREDENTIAL_UID", "");
	assert_variable(&r, "CLONE_GROUP", "65532");
	doc_fini(&r.doc);
}

static void
test_neighbours(void **state)
{
	static const struct pod refused[] = {
		{"", "", USER("65532")},
		{"", "  securityContext: {runAsUser: 65532}\n", ""},
		{"", "  securityContext: {runAsUser: 65532}\n", USER("1000")}, /* the other one */
		{"",
		 "  initContainers: [{name: x, image: x, securityContext: {runAsUser: 65532}}]\n",
		 USER("1000")},
		{NOTE("ide-user: \"65532\""), "", ""},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(refused); i++) {
		struct injected r;

		inject_pod_text(&r, &refused[i]);
		if (r.report.problems.count == 0)
			fail_msg("case %zu: %zu problems", i, r.report.problems.count);
		assert_non_null(strstr(r.report.problems.items[0], "sidecar's"));
		doc_fini(&r.doc);
	}
}

/* A container with the name of ours, where ours is not used. */
static void
test_a_neighbour_with_our_name(void **state)
{
	struct container_settings without = operator_settings;
	struct injected r;

	(void)state;
	without.has_git = false;
	try_inject(&r, &without,
		   INJECT_POD_HEAD "spec:\n  containers:\n  - name: ide\n    image: ide\n"
				   "    ports: [{containerPort: 60001}]\n"
				   "  - {name: workspace-proxy-git, image: x, securityContext: "
				   "{runAsUser: 65532}}\n");
	assert_int_equal(r.report.problems.count, 1);
	assert_non_null(strstr(r.report.problems.items[0], "runs as user id 65532"));
	doc_fini(&r.doc);
}

static void
test_the_user_of_the_ide(void **state)
{
	struct injected r;

	(void)state;
	inject_pod_text(&r, &(struct pod){CLONE NOTE("sidecar-user: ide"), "", USER("65532")});
	assert_int_equal(r.report.problems.count, 0);
	assert_int_equal(node_int_at(sidecar(&r), "securityContext.runAsUser"), 65532);
	assert_variable(&r, "CREDENTIAL_UID", "");
	assert_variable(&r, "CLONE_GROUP", "");
	assert_null(node_find(r.root, "spec.securityContext"));
	doc_fini(&r.doc);
	inject_pod_text(&r, &(struct pod){NOTE("sidecar-user: root"), "", ""});
	assert_int_equal(r.report.problems.count, 1);
	assert_non_null(strstr(r.report.problems.items[0], "expected own or ide"));
	doc_fini(&r.doc);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_user_of_its_own),
		cmocka_unit_test(test_user_ids_in_the_pod),
		cmocka_unit_test(test_a_user_that_only_the_image_knows),
		cmocka_unit_test(test_neighbours),
		cmocka_unit_test(test_a_neighbour_with_our_name),
		cmocka_unit_test(test_the_user_of_the_ide),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
