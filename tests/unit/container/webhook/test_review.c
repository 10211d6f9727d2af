/* SPDX-License-Identifier: Apache-2.0 */
/*
 * AdmissionReviews: what is malformed, what is not ours to judge, and what may change of a pod that
 * runs.
 */
#include "container/webhook/review.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "tests/unit/count.h"

static const struct container_settings operator_settings = {
	.image = "proxy:1",
	.pull_policy = "IfNotPresent",
	.sidecar = CONTAINER_NATIVE,
	.zone = "ws.example.com",
	.gitlab_url = "https://gitlab.example.com",
	.client_id = "id",
	.authorization = "owner",
	.secret = "workspace-{name}",
	.tls_secret = "tls",
	.secret_keys = CONTAINER_KEY_COOKIE_SECRET,
	.cpu_request = "50m",
	.cpu_limit = "1",
	.memory_request = "64Mi",
	.memory_limit = "512Mi",
};

#define REQUEST(fields)                                                                            \
	"{\"apiVersion\":\"admission.k8s.io/v1\",\"kind\":\"AdmissionReview\",\"request\":{"       \
	"\"uid\":\"u\"," fields "}}"
#define UPDATE(old, new) "\"operation\":\"UPDATE\",\"oldObject\":" old ",\"object\":" new
#define POD(spec)	 POD_LABELLED("true", spec)
#define POD_LABELLED(l, spec)                                                                      \
	"{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"metadata\":{\"labels\":"                        \
	"{\"workspace-proxy.io/inject\":\"" l "\"}},\"spec\":{" spec "}}"
#define IDE(image)	    "{\"name\":\"ide\",\"image\":\"" image "\"}"
#define SIDECAR(image)	    "{\"name\":\"workspace-proxy\",\"image\":\"" image "\"}"
#define LISTS(init, others) "\"initContainers\":[" init "],\"containers\":[" others "]"
#define BEFORE		    POD(LISTS(SIDECAR("a"), IDE("i")))
#define PART(name)	    ",\"subResource\":\"" name "\""
#define EPHEMERAL(fields)                                                                          \
	UPDATE(BEFORE, POD("\"volumes\":[{\"name\":\"workspace-proxy-secret\",\"secret\":"         \
			   "{\"secretName\":\"s\"}}],\"ephemeralContainers\":[{\"name\":\"e\"},"   \
			   "{\"name\":\"f\"," fields "}]"))                                        \
	PART("ephemeralcontainers")

/* Of the namespace, in the tests that have one. */
static const struct review_namespace *namespace;

static enum review_outcome
review(enum review_kind kind, const char *body, char *said, size_t said_size)
{
	struct review_secret secret;
	struct err e = ERR_INIT;
	struct buf out;

	buf_init(&out, 1 << 20);
	const struct review_question question = {.settings = &operator_settings,
						 .kind = kind,
						 .body = str_from(body),
						 .namespace = namespace};
	enum review_outcome outcome = review_answer(&question, &out, &secret, &e);
	struct str text = outcome == REVIEW_MALFORMED ? str_from(e.text) : buf_view(&out);
	assert_true(text.len < said_size);
	memcpy(said, text.data, text.len);
	said[text.len] = '\0';
	buf_fini(&out);
	return outcome;
}

struct expected {
	const char *body;
	enum review_outcome outcome;
	const char *said;
};

static void
check_all(enum review_kind kind, const struct expected *cases, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		char said[4096];
		enum review_outcome outcome = review(kind, cases[i].body, said, sizeof(said));
		if (outcome != cases[i].outcome || strstr(said, cases[i].said) == NULL)
			fail_msg("case %zu: %d, not %d with \"%s\": %s", i, (int)outcome,
				 (int)cases[i].outcome, cases[i].said, said);
	}
}

static void
test_updates(void **state)
{
	static const struct expected cases[] = {
		{REQUEST(UPDATE(BEFORE, POD(LISTS(SIDECAR("a"), IDE("other"))))), REVIEW_ALLOWED,
		 "true"},
		{REQUEST(UPDATE(BEFORE, POD(LISTS(SIDECAR("evil"), IDE("i"))))), REVIEW_DENIED,
		 "workspace-proxy: "},
		{REQUEST(UPDATE(BEFORE, POD(LISTS("", IDE("i"))))), REVIEW_DENIED, ""},
		{REQUEST(UPDATE(BEFORE, POD(LISTS(SIDECAR("a") "," SIDECAR("b"), IDE("i"))))),
		 REVIEW_DENIED, ""},
		{REQUEST(UPDATE(BEFORE, POD(LISTS(SIDECAR("a"), IDE("i") "," SIDECAR("b"))))),
		 REVIEW_DENIED, ""},
		{REQUEST(UPDATE(BEFORE, POD_LABELLED("false", LISTS(SIDECAR("a"), IDE("i"))))),
		 REVIEW_DENIED, "can't be removed"},
		{REQUEST(UPDATE(BEFORE, POD_LABELLED("yes", LISTS(SIDECAR("a"), IDE("i"))))),
		 REVIEW_DENIED, "or changed"},
		{REQUEST(UPDATE(BEFORE, "7")), REVIEW_MALFORMED, "object"},
		{REQUEST(UPDATE("7", POD("\"containers\":7"))), REVIEW_DENIED, ""},
		{REQUEST(UPDATE(BEFORE, POD("\"containers\":{\"name\":\"workspace-proxy\"}"))),
		 REVIEW_DENIED, ""},
		{REQUEST(UPDATE(BEFORE, POD(LISTS(SIDECAR("evil"), ""))) PART("resize")),
		 REVIEW_DENIED, ""},
		{REQUEST(UPDATE(BEFORE, POD(LISTS(SIDECAR("evil"), ""))) PART("status")),
		 REVIEW_ALLOWED, "true"},
	};

	(void)state;
	check_all(REVIEW_VALIDATE, cases, COUNT(cases));
}

static void
test_ephemeral_containers(void **state)
{
	static const struct expected cases[] = {
		{REQUEST(EPHEMERAL("\"targetContainerName\":\"ide\"")), REVIEW_ALLOWED, "true"},
		{REQUEST(EPHEMERAL("\"targetContainerName\":\"workspace-proxy\"")), REVIEW_DENIED,
		 "container f: targetContainerName"},
		{REQUEST(EPHEMERAL("\"volumeMounts\":[{\"name\":\"workspace-proxy-secret\"}]")),
		 REVIEW_DENIED, "container f: mounts volume"},
		{REQUEST(EPHEMERAL("\"env\":[{\"name\":\"X\",\"valueFrom\":{\"secretKeyRef\":"
				   "{\"name\":\"s\"}}}]")),
		 REVIEW_DENIED, "container f: reads secret s"},
		{REQUEST(EPHEMERAL("\"envFrom\":[{\"secretRef\":{\"name\":\"s\"}}]")),
		 REVIEW_DENIED, "container f: reads secret s"},
		{REQUEST(EPHEMERAL("\"securityContext\":{\"privileged\":true}")), REVIEW_DENIED,
		 "container f: privileged"},
		{REQUEST(EPHEMERAL(
			 "\"securityContext\":{\"seLinuxOptions\":{\"type\":\"spc_t\"}}")),
		 REVIEW_DENIED, "container f: seLinuxOptions: type spc_t"},
		{REQUEST(EPHEMERAL(
			 "\"securityContext\":{\"capabilities\":{\"add\":[\"NET_ADMIN\"]}}")),
		 REVIEW_DENIED, "container f: capability NET_ADMIN"},
		{REQUEST(EPHEMERAL("\"envFrom\":[{\"secretRef\":{\"name\":\"t\"}}]")),
		 REVIEW_ALLOWED, "true"},
		{REQUEST(UPDATE(BEFORE, POD("\"ephemeralContainers\":7"))
				 PART("ephemeralcontainers")),
		 REVIEW_ALLOWED, "true"},
	};

	(void)state;
	check_all(REVIEW_VALIDATE, cases, COUNT(cases));
}

#define KIND(g, v, k)  "\"kind\":{\"group\":\"" g "\",\"version\":\"" v "\",\"kind\":\"" k "\"},"
#define CREATE(object) "\"operation\":\"CREATE\",\"object\":" object
#define NO_KIND                                                                                    \
	"{\"metadata\":{\"labels\":{\"workspace-proxy.io/inject\":\"true\"}},"                     \
	"\"spec\":{\"containers\":[" IDE("i") "]}}"

/* The kind in the request counts for an object without a kind. */
static void
test_kinds(void **state)
{
	static const struct expected cases[] = {
		{REQUEST(KIND("", "v1", "Pod") CREATE(NO_KIND)), REVIEW_DENIED, "upstream-port"},
		{REQUEST(CREATE(NO_KIND)), REVIEW_MALFORMED, "request.kind is missing"},
		{REQUEST(KIND("", "v1", "Service") CREATE(BEFORE)), REVIEW_MALFORMED,
		 "not the object's"},
		{REQUEST(KIND("apps", "v1", "Pod") CREATE(BEFORE)), REVIEW_MALFORMED,
		 "not the object's"},
		{REQUEST(CREATE(POD_LABELLED("yes", LISTS("", IDE("i"))))), REVIEW_DENIED,
		 "expected true or false"},
	};

	(void)state;
	check_all(REVIEW_MUTATE, cases, COUNT(cases));
	check_all(REVIEW_VALIDATE, cases, COUNT(cases));
}

static void
test_mutation_of_parts(void **state)
{
	static const struct expected cases[] = {
		{REQUEST(UPDATE(BEFORE, POD(LISTS("", IDE("i"))))), REVIEW_ALLOWED, "true"},
		{REQUEST(EPHEMERAL("\"targetContainerName\":\"workspace-proxy\"")), REVIEW_ALLOWED,
		 "true"},
		{REQUEST("\"operation\":\"DELETE\",\"object\":null"), REVIEW_ALLOWED, "true"},
		{REQUEST("\"operation\":\"CREATE\",\"object\":" BEFORE), REVIEW_DENIED,
		 "upstream-port"},
		{REQUEST("\"object\":" BEFORE), REVIEW_MALFORMED, "operation"},
	};

	(void)state;
	check_all(REVIEW_MUTATE, cases, COUNT(cases));
}

/* Reviews in a namespace with injection that has these settings. */
static void
check_in_space(const char *data, enum review_kind kind, const struct expected *cases, size_t count)
{
	const struct err none = ERR_INIT;
	const struct review_namespace enabled = {.data = str_from(data), .e = &none};

	namespace = &enabled;
	check_all(kind, cases, count);
	namespace = NULL;
}

#define MADE(object) REQUEST(CREATE(object))
#define NAMED(labels)                                                                              \
	"{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"metadata\":{" labels "\"annotations\":{"        \
	"\"workspace-proxy.io/name\":\"kiwi\"}},\"spec\":{\"containers\":[{\"name\":\"ide\","      \
	"\"image\":\"i\"}]}}"
#define SERVICE(port)                                                                              \
	"{\"apiVersion\":\"v1\",\"kind\":\"Service\",\"metadata\":{},\"spec\":{\"ports\":[{"       \
	"\"name\":\"" port "\",\"port\":80}]}}"

static void
test_a_namespace_with_injection(void **state)
{
	static const struct expected made[] = {
		{MADE(NAMED("")), REVIEW_PATCHED, "patch"},
		{MADE(NAMED("\"labels\":{\"workspace-proxy.io/inject\":\"true\"},")),
		 REVIEW_PATCHED, "patch"},
		{MADE(NAMED("\"labels\":{\"workspace-proxy.io/inject\":\"false\"},")),
		 REVIEW_ALLOWED, "true"},
		{MADE(NAMED("\"labels\":{\"workspace-proxy.io/inject\":\"no\"},")), REVIEW_DENIED,
		 "expected true or false"},
		{MADE("{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"spec\":{}}"), REVIEW_DENIED,
		 "label pods that are not workspaces with workspace-proxy.io/inject=false"},
		{MADE(SERVICE("workspace")), REVIEW_PATCHED, "patch"},
		{MADE(SERVICE("database")), REVIEW_ALLOWED, "true"},
	};
	static const struct expected judged[] = {
		{MADE(NAMED("")), REVIEW_DENIED, "the pod has no label"},
		{MADE(NAMED("\"labels\":{\"workspace-proxy.io/inject\":\"false\"},")),
		 REVIEW_ALLOWED, "true"},
	};

	(void)state;
	check_in_space("{\"upstream-port\":\"60001\"}", REVIEW_MUTATE, made, COUNT(made));
	check_in_space("", REVIEW_VALIDATE, judged, COUNT(judged));
}

/* Namespaces can't set what the operator sets, secrets, or who has access. */
static void
test_settings_of_a_namespace(void **state)
{
	static const char *const refused[] = {
		"image",
		"secret",
		"tls-secret",
		"users",
		"group",
		"project",
		"owner-id",
		"name",
		"external-url",
		"workspace-id",
		"sidecar-user",
		"service-port",
		"probes",
		"status",
		"INJECT_ZONE",
		"GITLAB_URL",
		"authorization",
		"clone-url",
		"",
	};
	static const struct expected denied[] = {
		{MADE(NAMED("")), REVIEW_DENIED, "settings of the namespace: "},
	};
	static const struct expected invalid[] = {
		{MADE(NAMED("")), REVIEW_DENIED,
		 "settings of the namespace: cpu-limit: \\\"lots\\\": expected a quantity"},
	};
	static const struct expected own[] = {
		{MADE("{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"metadata\":{\"annotations\":{"
		      "\"workspace-proxy.io/name\":\"kiwi\",\"workspace-proxy.io/"
		      "container\":\"x\"}},"
		      "\"spec\":{\"containers\":[{\"name\":\"ide\",\"image\":\"i\"}]}}"),
		 REVIEW_DENIED, "there is no container x"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(refused); i++) {
		char data[128];
		(void)snprintf(data, sizeof(data), "{\"%s\":\"1\"}", refused[i]);
		check_in_space(data, REVIEW_MUTATE, denied, COUNT(denied));
	}
	check_in_space("{\"cpu-limit\":\"lots\"}", REVIEW_MUTATE, invalid, COUNT(invalid));
	check_in_space("{\"container\":\"ide\"}", REVIEW_MUTATE, own, COUNT(own));
}

/* With unreadable settings only pods that opted out are admitted. */
static void
test_unknown_settings(void **state)
{
	static const struct expected cases[] = {
		{MADE(NAMED("")), REVIEW_DENIED, "can't be read; timed out"},
		{MADE(NAMED("\"labels\":{\"workspace-proxy.io/inject\":\"false\"},")),
		 REVIEW_ALLOWED, "true"},
		{MADE(SERVICE("workspace")), REVIEW_PATCHED, "patch"},
	};
	struct err e = ERR_INIT;
	const struct review_namespace unknown = {.e = &e};

	(void)state;
	err_set(&e, ERR_TIMEOUT, "timed out");
	namespace = &unknown;
	check_all(REVIEW_MUTATE, cases, COUNT(cases));
	namespace = NULL;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_updates),
		cmocka_unit_test(test_ephemeral_containers),
		cmocka_unit_test(test_kinds),
		cmocka_unit_test(test_mutation_of_parts),
		cmocka_unit_test(test_a_namespace_with_injection),
		cmocka_unit_test(test_settings_of_a_namespace),
		cmocka_unit_test(test_unknown_settings),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
