/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Git's configuration in the environment of the IDE's container.
 */
#include <stdio.h>

#include "tests/unit/container/inject/inject_support.h"

#define POD_HEAD INJECT_POD_HEAD
#define POD_TAIL                                                                                   \
	"spec:\n  volumes: [{name: projects, emptyDir: {}}]\n  containers:\n  - name: ide\n"       \
	"    ports: [{containerPort: 60001}]\n"                                                    \
	"    volumeMounts: [{name: projects, mountPath: /projects}]\n"
#define POD	POD_HEAD POD_TAIL
#define WITH(x) POD_HEAD NOTE(x) POD_TAIL
#define IDE(x)	POD_HEAD POD_TAIL "    " x "\n"
#define CLONE                                                                                      \
	POD_HEAD NOTE("clone-url: https://gitlab.example.com/a.git")                               \
		NOTE("clone-dir: /projects/a") POD_TAIL

static const struct url gitlab = {.scheme = {"https", 5},
				  .host = {"gitlab.example.com", 18},
				  .port = 443,
				  .path = {"/git", 4}};

static const struct container_settings operator_settings = {
	INJECT_SETTINGS,   .gitlab_url = "https://gitlab.example.com/git",
	.gitlab = &gitlab, .authorization = "owner",
	.has_git = true,
};

static const struct node *
ide_of(const struct injected *r)
{
	return container_of(r, "spec.containers", "ide");
}

static void
assert_variable(const struct injected *r, const char *name, const char *value)
{
	struct str found = env_of(ide_of(r), name);

	if (!str_equal(found, str_from(value)))
		fail_msg("%s: %.*s", name, STR_FMT(found));
}

/* Injecting again, with other changes since, changes nothing. */
static void
assert_again_the_same(struct injected *r)
{
	struct node *before = node_copy(&r->doc, r->root);
	struct inject_report report;

	assert_true(inject_object(&operator_settings, &r->doc, r->root, &report));
	assert_int_equal(report.problems.count, 0);
	assert_true(node_equal(before, r->root));
}

static void
test_git_config(void **state)
{
	static const char key[] = "credential.https://gitlab.example.com.helper";
	static const char spelling[] = "url.https://gitlab.example.com/git/.insteadOf";
	struct injected r;

	(void)state;
	try_inject(&r, &operator_settings, POD);
	assert_true(r.is_ours);
	assert_variable(&r, "GIT_CONFIG_COUNT", "5");
	assert_variable(&r, "GIT_CONFIG_KEY_0", key);
	assert_variable(&r, "GIT_CONFIG_VALUE_0", "");
	assert_non_null(node_named(node_get(ide_of(&r), "env"), STR("GIT_CONFIG_VALUE_0")));
	assert_variable(&r, "GIT_CONFIG_KEY_1", key);
	assert_variable(&r, "GIT_CONFIG_VALUE_1",
			"/run/workspace-proxy-git/git-credential-workspace --socket "
			"/run/workspace-proxy-git/credential.sock");
	assert_variable(&r, "GIT_CONFIG_KEY_2", spelling);
	assert_variable(&r, "GIT_CONFIG_VALUE_2", "git@gitlab.example.com:");
	assert_variable(&r, "GIT_CONFIG_VALUE_3", "ssh://git@gitlab.example.com/");
	assert_variable(&r, "GIT_CONFIG_VALUE_4", "http://gitlab.example.com/git/");
	assert_again_the_same(&r);
	doc_fini(&r.doc);
	/* Appended after the author's variables. */
	try_inject(&r, &operator_settings,
		   IDE("env: [{name: GIT_CONFIG_COUNT, value: \"1\"}, {name: GIT_CONFIG_KEY_0, "
		       "value: a.b}, {name: GIT_CONFIG_VALUE_0, value: c}]"));
	assert_true(r.is_ours);
	assert_variable(&r, "GIT_CONFIG_COUNT", "6");
	assert_variable(&r, "GIT_CONFIG_KEY_0", "a.b");
	assert_variable(&r, "GIT_CONFIG_VALUE_0", "c");
	assert_variable(&r, "GIT_CONFIG_KEY_5", spelling);
	assert_again_the_same(&r);
	doc_fini(&r.doc);
	try_inject(&r, &operator_settings,
		   WITH("ide-env: |\n      GIT_CONFIG_COUNT=1\n      GIT_CONFIG_KEY_0=a.b\n"
			"      GIT_CONFIG_VALUE_0=c"));
	assert_true(r.is_ours);
	assert_variable(&r, "GIT_CONFIG_COUNT", "6");
	assert_variable(&r, "GIT_CONFIG_KEY_5", spelling);
	assert_again_the_same(&r);
	doc_fini(&r.doc);
}

static void
test_git_config_that_can_not_be_appended(void **state)
{
	static const char *const envs[] = {
		"env: [{name: GIT_CONFIG_COUNT, value: x}]",
		"env: [{name: GIT_CONFIG_COUNT, value: \"1001\"}]",
		"env: [{name: GIT_CONFIG_COUNT, valueFrom: {fieldRef: {fieldPath: x}}}]",
	};
	char yaml[2048];
	struct injected r;

	(void)state;
	for (size_t i = 0; i < COUNT(envs); i++) {
		snprintf(yaml, sizeof(yaml), "%s    %s\n", POD, envs[i]);
		try_inject(&r, &operator_settings, yaml);
		assert_true(r.is_ours);
		assert_int_equal(r.report.problems.count, 1);
		assert_non_null(
			strstr(r.report.problems.items[0], "GIT_CONFIG_COUNT: expected a number"));
		doc_fini(&r.doc);
	}
}

static size_t
count_named(const struct injected *r, const char *name)
{
	size_t count = 0;

	for (const struct node *v = node_first(node_get(ide_of(r), "env")); v != NULL;
	     v = node_next(v))
		count += str_equal(node_text_at(v, "name"), str_from(name));
	return count;
}

/* The author's variables beyond the count, or from other sources, do not affect git. */
static void
test_git_config_replaces_what_is_not_counted(void **state)
{
	static const char *const envs[] = {
		"env: [{name: GIT_CONFIG_KEY_0, value: a.b}, {name: GIT_CONFIG_VALUE_1, value: x}]",
		"env: [{name: GIT_CONFIG_VALUE_0, valueFrom: {fieldRef: {fieldPath: x}}}]",
		"env: [{name: GIT_CONFIG_COUNT}]",
		"env: [{name: GIT_CONFIG_COUNT, value: \"\"}, {name: GIT_CONFIG_KEY_4, value: x}]",
		"env: [{name: GIT_CONFIG_COUNT, value: \"0\"}]",
	};
	static const char *const names[] = {"GIT_CONFIG_COUNT", "GIT_CONFIG_KEY_0",
					    "GIT_CONFIG_VALUE_0", "GIT_CONFIG_VALUE_1",
					    "GIT_CONFIG_KEY_4"};
	char yaml[2048];
	struct injected r;

	(void)state;
	for (size_t i = 0; i < COUNT(envs); i++) {
		snprintf(yaml, sizeof(yaml), "%s    %s\n", POD, envs[i]);
		try_inject(&r, &operator_settings, yaml);
		assert_true(r.is_ours);
		assert_int_equal(r.report.problems.count, 0);
		assert_variable(&r, "GIT_CONFIG_COUNT", "5");
		assert_variable(&r, "GIT_CONFIG_KEY_0",
				"credential.https://gitlab.example.com.helper");
		assert_variable(&r, "GIT_CONFIG_VALUE_0", "");
		assert_null(
			node_get(node_named(node_get(ide_of(&r), "env"), STR("GIT_CONFIG_VALUE_0")),
				 "valueFrom"));
		for (size_t j = 0; j < COUNT(names); j++)
			assert_int_equal(count_named(&r, names[j]), 1);
		assert_again_the_same(&r);
		doc_fini(&r.doc);
	}
}

/* With a repeated name, the last one would count, or none. */
static void
test_git_config_that_is_there_twice(void **state)
{
	static const struct {
		const char *env;
		const char *name;
	} cases[] = {
		{"env: [{name: GIT_CONFIG_COUNT, value: \"0\"}, {name: GIT_CONFIG_COUNT, value: "
		 "\"1\"}]",
		 "env has GIT_CONFIG_COUNT twice"},
		{"env: [{name: GIT_CONFIG_KEY_3, value: a}, {name: GIT_CONFIG_KEY_3, value: a}]",
		 "env has GIT_CONFIG_KEY_3 twice"},
		{"env: [{name: GIT_CONFIG_COUNT, value: \"1\"}, {name: GIT_CONFIG_VALUE_1, value: "
		 "a}, {name: GIT_CONFIG_VALUE_1, valueFrom: {fieldRef: {fieldPath: x}}}]",
		 "env has GIT_CONFIG_VALUE_1 twice"},
	};
	char yaml[2048];
	struct injected r;

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		snprintf(yaml, sizeof(yaml), "%s    %s\n", POD, cases[i].env);
		try_inject(&r, &operator_settings, yaml);
		assert_true(r.is_ours);
		assert_int_equal(r.report.problems.count, 1);
		assert_non_null(strstr(r.report.problems.items[0], cases[i].name));
		doc_fini(&r.doc);
	}
}

/* The clone belongs to the sidecar's user. */
static void
test_git_config_of_another_user(void **state)
{
	static const struct {
		const char *user;
		const char *count;
	} cases[] = {
		{"securityContext: {runAsUser: 1000}", "5"},
		{"securityContext: {runAsUser: 0}", "6"},
		{"stdin: true", "6"},
		{"securityContext: {runAsUser: 1000}", "6"}, /* the sidecar's is its own */
	};
	struct container_settings settings = operator_settings;
	char yaml[2048];
	struct injected r;

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		snprintf(yaml, sizeof(yaml), "%s    %s\n", CLONE, cases[i].user);
		settings.user = i == COUNT(cases) - 1 ? CONTAINER_USER_OWN : CONTAINER_USER_IDE;
		try_inject(&r, &settings, yaml);
		assert_true(r.is_ours);
		assert_int_equal(r.report.problems.count, 0);
		assert_variable(&r, "GIT_CONFIG_COUNT", cases[i].count);
		assert_variable(&r, "GIT_CONFIG_KEY_5",
				cases[i].count[0] == '6' ? "safe.directory" : "");
		doc_fini(&r.doc);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_git_config),
		cmocka_unit_test(test_git_config_that_can_not_be_appended),
		cmocka_unit_test(test_git_config_replaces_what_is_not_counted),
		cmocka_unit_test(test_git_config_that_is_there_twice),
		cmocka_unit_test(test_git_config_of_another_user),
	};

	return cmocka_run_group_tests_name("container/inject_git_config", tests, NULL, NULL);
}
