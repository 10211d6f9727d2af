/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the tests of injection share: an operator's settings, and injection into YAML.
 */
#ifndef TESTS_UNIT_CONTAINER_INJECT_INJECT_SUPPORT_H
#define TESTS_UNIT_CONTAINER_INJECT_INJECT_SUPPORT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "container/inject/inject.h"
#include "container/yaml/yaml.h"
#include "tests/unit/count.h"

/* The start of a pod, up to its annotations, and one more of those. */
#define INJECT_POD_HEAD                                                                            \
	"apiVersion: v1\nkind: Pod\nmetadata:\n  name: kiwi\n"                                     \
	"  labels: {workspace-proxy.io/inject: \"true\"}\n  annotations:\n"                        \
	"    workspace-proxy.io/name: kiwi\n"
#define NOTE(x) "    workspace-proxy.io/" x "\n"

/* Initialisers that every test's settings have; GitLab's address and authorization are its own. */
#define INJECT_SETTINGS                                                                            \
	.image = "registry.example.com/workspace-proxy:1", .pull_policy = "IfNotPresent",          \
	.sidecar = CONTAINER_NATIVE, .zone = "ws.example.com", .client_id = "id",                  \
	.secret = "workspace-{name}", .tls_secret = "workspace-proxy-tls", .cpu_request = "50m",   \
	.cpu_limit = "1", .memory_request = "64Mi", .memory_limit = "512Mi"

struct injected {
	struct doc doc; /* freed by the test */
	struct node *root;
	bool is_ours;
	struct inject_report report;
};

static inline void
read_object(struct injected *r, const char *yaml)
{
	struct yaml_reader *reader = yaml_reader_new(str_from(yaml));
	struct err e = ERR_INIT;
	struct str source;

	doc_init(&r->doc);
	assert_non_null(reader);
	if (!yaml_read_document(reader, &r->doc, &r->root, &source, &e))
		fail_msg("%s\n%s", e.text, yaml);
	assert_non_null(r->root);
	yaml_reader_free(reader);
}

/* Injects into the object that was read. */
static inline void
inject_into(struct injected *r, const struct container_settings *settings)
{
	r->is_ours = inject_object(settings, &r->doc, r->root, &r->report);
	assert_false(r->doc.failed);
}

/* Problems are allowed. */
static inline void
try_inject(struct injected *r, const struct container_settings *settings, const char *yaml)
{
	read_object(r, yaml);
	inject_into(r, settings);
}

static inline void
inject_well(struct injected *r, const struct container_settings *settings, const char *yaml)
{
	try_inject(r, settings, yaml);
	for (size_t i = 0; i < r->report.problems.count; i++)
		fail_msg("%s\n%s", r->report.problems.items[i], yaml);
	assert_true(r->is_ours);
}

static inline struct node *
container_of(const struct injected *r, const char *list, const char *name)
{
	return node_named(node_find(r->root, list), str_from(name));
}

static inline struct str
env_of(const struct node *container, const char *name)
{
	return node_text_at(node_named(node_get(container, "env"), str_from(name)), "value");
}

#endif
