/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Probes of an IDE that listens on loopback: what they become, what the sidecar is told, that a
 * second injection (which /validate makes) finds nothing to change, and what can't be rewritten.
 */
#include "container/inject/ide/inject_probes.h"

#include <stdio.h>

#include "tests/unit/container/inject/inject_support.h"

#define HEAD  INJECT_POD_HEAD
#define MOVED "    workspace-proxy.io/ide-env: HOST=127.0.0.1\n"
#define SPEC  "spec:\n  containers:\n  - name: ide\n    ports: [{name: web, containerPort: 60001}]\n"
#define PROBE "    livenessProbe: "

static const struct container_settings operator_settings = {
	INJECT_SETTINGS,
	.gitlab_url = "https://gitlab.example.com",
	.authorization = "owner",
};

static struct node *
ide_of(const struct injected *r)
{
	return container_of(r, "spec.containers", "ide");
}

/* Returns the sidecar's setting; empty: it is not set. */
static struct str
setting_of(const struct injected *r)
{
	return env_of(container_of(r, "spec.initContainers", INJECT_NAME),
		      INJECT_ENV_PREFIX "IDE_PROBES");
}

static struct str
annotation_of(const struct injected *r)
{
	return node_text(
		node_get(node_find(r->root, "metadata.annotations"), INJECT_PREFIX "probes"));
}

static void
assert_text(struct str actual, const char *expected)
{
	if (!str_equal(actual, str_from(expected)))
		fail_msg("\"%.*s\" instead of \"%s\"", STR_FMT(actual), expected);
}

static void
test_rewritten(void **state)
{
	static const char *const cases[][2] = {
		{"{httpGet: {port: 60001, path: /healthz}}", "liveness=1s,http:60001/healthz"},
		{"{httpGet: {port: web}, timeoutSeconds: 5}", "liveness=5s,http:60001/"},
		{"{httpGet: {port: 8081, path: 'a?b=c,d%20', scheme: HTTP}}",
		 "liveness=1s,http:8081/a?b=c,d%20"},
		{"{tcpSocket: {port: web}, timeoutSeconds: 1000}", "liveness=300s,tcp:60001"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct injected r;
		char yaml[2048];
		(void)snprintf(yaml, sizeof(yaml), HEAD MOVED SPEC PROBE "%s\n", cases[i][0]);
		inject_well(&r, &operator_settings, yaml);
		const struct node *probe = node_get(ide_of(&r), "livenessProbe");
		assert_int_equal(r.report.warnings.count, 0);
		assert_text(node_text_at(probe, "httpGet.path"), "/probe/liveness");
		assert_int_equal(node_int_at(probe, "httpGet.port"), 9877);
		assert_null(node_get(probe, "tcpSocket"));
		assert_text(setting_of(&r), cases[i][1]);
		assert_text(annotation_of(&r), cases[i][1]);
		doc_fini(&r.doc);
	}
}

static void
test_other_fields_stay(void **state)
{
	struct injected r;

	(void)state;
	inject_well(&r, &operator_settings,
		    HEAD MOVED SPEC PROBE
		    "{httpGet: {port: 60001}, timeoutSeconds: 3, periodSeconds: 7}\n");
	const struct node *probe = node_get(ide_of(&r), "livenessProbe");
	assert_int_equal(node_int_at(probe, "timeoutSeconds"), 3);
	assert_int_equal(node_int_at(probe, "periodSeconds"), 7);
	doc_fini(&r.doc);
}

static void
test_a_second_injection_changes_nothing(void **state)
{
	struct injected r;

	(void)state;
	inject_well(&r, &operator_settings,
		    HEAD MOVED SPEC PROBE "{httpGet: {port: 60001, path: /healthz}}\n"
					  "    startupProbe: {tcpSocket: {port: 60001}}\n"
					  "    readinessProbe: {exec: {command: ['true']}}\n");
	assert_text(setting_of(&r), "startup=1s,tcp:60001 liveness=1s,http:60001/healthz");
	const struct node *before = node_copy(&r.doc, r.root);
	inject_into(&r, &operator_settings);
	assert_true(r.is_ours);
	assert_int_equal(r.report.problems.count, 0);
	assert_true(node_equal(before, r.root));
	assert_non_null(node_find(ide_of(&r), "readinessProbe.exec"));
	doc_fini(&r.doc);
}

/* Changes of the sidecar's checks, and removing the annotation, are refused. */
static void
test_tampering_is_found(void **state)
{
	static const char *const cases[][2] = {
		{"liveness=1s,http:22/", "exists and differs"},
		{NULL, "does not have it"},
		{"liveness=1s,http:9877/logs", "probes: \"liveness=1s,http:9877/logs\": expected"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct injected r;
		inject_well(&r, &operator_settings,
			    HEAD MOVED SPEC PROBE "{httpGet: {port: 60001}}\n");
		struct node *annotations = node_find(r.root, "metadata.annotations");
		node_remove(annotations, INJECT_PREFIX "probes");
		if (cases[i][0] != NULL)
			node_set_str(&r.doc, annotations, INJECT_PREFIX "probes",
				     str_from(cases[i][0]));
		inject_into(&r, &operator_settings);
		assert_true(r.is_ours);
		assert_int_equal(r.report.problems.count, 1);
		if (strstr(r.report.problems.items[0], cases[i][1]) == NULL)
			fail_msg("%s", r.report.problems.items[0]);
		doc_fini(&r.doc);
	}
}

static void
test_unsupported_probes_are_left_with_a_warning(void **state)
{
	static const char *const cases[] = {
		"{httpGet: {port: 60001, scheme: HTTPS}}",
		"{httpGet: {port: 60001, httpHeaders: [{name: A, value: b}]}}",
		"{httpGet: {port: 60001, host: example.com}}",
		"{httpGet: {port: 60001, path: '/a b'}}",
		"{httpGet: {port: 60001, path: '/$(HOME)'}}",
		"{httpGet: {port: nowhere}}",
		"{httpGet: {port: 9877, path: /ping}}",
		"{tcpSocket: {port: 8443}}",
		"{tcpSocket: {port: 60001, host: example.com}}",
		"{grpc: {port: 60001}}",
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct injected r;
		char yaml[2048];
		(void)snprintf(yaml, sizeof(yaml), HEAD MOVED SPEC PROBE "%s\n", cases[i]);
		read_object(&r, yaml);
		const struct node *before =
			node_copy(&r.doc, node_get(ide_of(&r), "livenessProbe"));
		inject_into(&r, &operator_settings);
		assert_true(r.is_ours);
		assert_int_equal(r.report.problems.count, 0);
		assert_int_equal(r.report.warnings.count, 1);
		assert_non_null(strstr(r.report.warnings.items[0], "livenessProbe"));
		assert_true(node_equal(before, node_get(ide_of(&r), "livenessProbe")));
		assert_int_equal(setting_of(&r).len, 0);
		assert_int_equal(annotation_of(&r).len, 0);
		doc_fini(&r.doc);
	}
}

/* The IDE may still listen on the pod's address. */
static void
test_not_moved(void **state)
{
	struct injected r;

	(void)state;
	inject_well(&r, &operator_settings, HEAD SPEC PROBE "{tcpSocket: {port: 60001}}\n");
	assert_non_null(node_find(ide_of(&r), "livenessProbe.tcpSocket"));
	assert_int_equal(r.report.warnings.count, 0);
	assert_int_equal(setting_of(&r).len, 0);
	doc_fini(&r.doc);
}

/* An annotation without such a probe permits nothing. */
static void
test_annotation_alone(void **state)
{
	struct injected r;

	(void)state;
	inject_well(&r, &operator_settings,
		    HEAD "    workspace-proxy.io/probes: liveness=1s,http:22/\n" SPEC);
	assert_int_equal(setting_of(&r).len, 0);
	assert_int_equal(annotation_of(&r).len, 0);
	doc_fini(&r.doc);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rewritten),
		cmocka_unit_test(test_other_fields_stay),
		cmocka_unit_test(test_a_second_injection_changes_nothing),
		cmocka_unit_test(test_tampering_is_found),
		cmocka_unit_test(test_unsupported_probes_are_left_with_a_warning),
		cmocka_unit_test(test_not_moved),
		cmocka_unit_test(test_annotation_alone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
