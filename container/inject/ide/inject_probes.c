/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A rewritten probe is recognised by its path and port, and by the annotation. Only probes that
 * the sidecar can do in the same way are rewritten; others get a warning.
 */
#include "container/inject/ide/inject_probes.h"

#include <stdio.h>

#include "base/health_check.h"
#include "container/inject/inject_edit.h"

#define TEXT_MAX_BYTES 2048u
#define HINT                                                                                       \
	"an IDE that listens on loopback does not respond there, and the sidecar can probe it "    \
	"only with plain HTTP without headers, or TCP"

/* In the order of health_check_names. */
static const struct {
	const char *name;
	const char *path;
} probes[HEALTH_CHECK_KINDS] = {
	{"startupProbe", "/probe/startup"},
	{"livenessProbe", "/probe/liveness"},
	{"readinessProbe", "/probe/readiness"},
};

static bool
is_own_port(uint64_t port)
{
	return port == INJECT_HTTPS_NUMBER || port == INJECT_ADMIN_NUMBER;
}

bool
inject_probes_are_valid(struct str text)
{
	struct health_checks checks;
	struct err e = ERR_INIT;

	if (text.len > TEXT_MAX_BYTES || !health_checks_parse(&checks, text, &e))
		return false;
	for (size_t i = 0; i < HEALTH_CHECK_KINDS; i++)
		if (is_own_port(checks.items[i].port))
			return false;
	return true;
}

static bool
is_rewritten(const struct node *probe, size_t index)
{
	const struct node *get = node_get(probe, "httpGet");

	return node_int_at(get, "port") == INJECT_ADMIN_NUMBER &&
	       str_equal(node_text_at(get, "path"), str_from(probes[index].path)) &&
	       node_text_at(get, "host").len == 0 &&
	       !str_equal(node_text_at(get, "scheme"), STR("HTTPS"));
}

/* Returns the number of a port, which may be given by the name of one of the container's ports. */
static uint16_t
find_port(const struct inject *c, const struct node *port)
{
	if (node_is(port, NODE_STR))
		port = node_get(node_named(node_get(c->ide, "ports"), port->text), "containerPort");
	return node_is(port, NODE_INT) && port->integer > 0 && port->integer <= UINT16_MAX &&
			       !is_own_port((uint64_t)port->integer)
		       ? (uint16_t)port->integer
		       : 0;
}

/* Returns the path with the leading slash that the kubelet would add. NULL data: out of memory. */
static struct str
find_path(struct inject *c, const struct node *get)
{
	struct str path = node_text_at(get, "path");

	if (str_starts_with(path, STR("/")))
		return path;
	return inject_allocated(c, arena_printf(&c->doc->arena, "/%.*s",
						STR_FMT(str_take(path, HEALTH_CHECK_PATH_MAX))));
}

static bool
is_plain(const struct node *get)
{
	const struct node *headers = node_get(get, "httpHeaders");

	return node_text_at(get, "host").len == 0 && node_first(headers) == NULL &&
	       !str_equal(node_text_at(get, "scheme"), STR("HTTPS"));
}

/* Whether the sidecar can do what the probe does. */
static bool
read_probe(struct inject *c, const struct node *probe, struct health_check *check)
{
	const struct node *get = node_get(probe, "httpGet");
	const struct node *tcp = node_get(probe, "tcpSocket");
	int64_t timeout_s = node_int_at(probe, "timeoutSeconds");
	const struct node *target = get != NULL ? get : tcp;

	timeout_s = timeout_s < 1 ? 1 : timeout_s;
	*check = (struct health_check){
		.port = find_port(c, node_get(target, "port")),
		.timeout_s =
			(uint16_t)(timeout_s > HEALTH_CHECK_TIMEOUT_MAX ? HEALTH_CHECK_TIMEOUT_MAX
									: timeout_s),
		.path = get != NULL ? find_path(c, get) : STR_NONE,
	};
	return check->port != 0 && is_plain(target) &&
	       (get == NULL || health_check_path_is_valid(check->path));
}

static bool
connects(const struct node *probe)
{
	return node_get(probe, "httpGet") != NULL || node_get(probe, "tcpSocket") != NULL ||
	       node_get(probe, "grpc") != NULL;
}

/* Returns the sidecar's check for one probe; old: the check in the annotation. */
static struct health_check
plan_probe(struct inject *c, size_t index, struct health_check old)
{
	const struct node *probe = node_get(c->ide, probes[index].name);
	bool has_moved = c->params.ide_env.len > 0 || c->params.ide_args.len > 0;
	struct health_check check;

	if (is_rewritten(probe, index)) {
		if (old.port == 0)
			inject_problem(
				c,
				"container %.*s: %s asks the sidecar, but annotation " INJECT_PREFIX
				"probes does not have it",
				STR_FMT(inject_name_of(c->ide)), probes[index].name);
		return old;
	}
	if (!has_moved || !connects(probe))
		return (struct health_check){.port = 0};
	if (read_probe(c, probe, &check))
		return check;
	inject_warn(c, "container %.*s: %s connects to the pod's address: " HINT,
		    STR_FMT(inject_name_of(c->ide)), probes[index].name);
	return (struct health_check){.port = 0};
}

void
inject_plan_probes(struct inject *c)
{
	struct health_checks old;
	struct health_checks checks;
	struct err e = ERR_INIT;
	struct buf text;

	if (!health_checks_parse(&old, c->params.probes, &e))
		inject_problem(c, "annotation " INJECT_PREFIX "probes: %s", e.text);
	for (size_t i = 0; i < HEALTH_CHECK_KINDS; i++)
		checks.items[i] = plan_probe(c, i, old.items[i]);
	buf_init(&text, TEXT_MAX_BYTES);
	health_checks_format(&checks, &text);
	c->params.probes = inject_allocated(
		c, buf_is_ok(&text) ? arena_dup(&c->doc->arena, buf_view(&text)) : NULL);
	buf_fini(&text);
}

static void
rewrite(struct inject *c, struct node *probe, size_t index)
{
	node_remove(probe, "httpGet");
	node_remove(probe, "tcpSocket");
	struct node *get = node_set_map(c->doc, probe, "httpGet");
	node_set_str(c->doc, get, "path", str_from(probes[index].path));
	node_set_int(c->doc, get, "port", INJECT_ADMIN_NUMBER);
	node_set_str(c->doc, get, "scheme", STR("HTTP"));
}

static void
ensure_annotation(struct inject *c)
{
	if (c->params.probes.len == 0)
		node_remove(node_get(c->metadata, "annotations"), INJECT_PREFIX "probes");
	else
		node_set_str(c->doc, inject_map_at(c->doc, c->metadata, "annotations"),
			     INJECT_PREFIX "probes", c->params.probes);
}

void
inject_ensure_probes(struct inject *c)
{
	struct health_checks checks;
	struct err e = ERR_INIT;

	if (!health_checks_parse(&checks, c->params.probes, &e))
		return;
	for (size_t i = 0; i < HEALTH_CHECK_KINDS; i++) {
		struct node *probe = node_get(c->ide, probes[i].name);
		if (checks.items[i].port != 0 && !is_rewritten(probe, i))
			rewrite(c, probe, i);
	}
	ensure_annotation(c);
}

/* Restores a TCP probe: a probe of a port without a path. */
static void
restore(struct doc *d, struct node *probe, const struct health_check *check)
{
	node_remove(probe, "httpGet");
	struct node *target = node_set_map(d, probe, check->path.len > 0 ? "httpGet" : "tcpSocket");
	if (check->path.len > 0)
		node_set_str(d, target, "path", check->path);
	node_set_int(d, target, "port", check->port);
}

void
inject_restore_probes(struct doc *d, struct node *ide, struct str text)
{
	struct health_checks checks;
	struct err e = ERR_INIT;

	if (!health_checks_parse(&checks, text, &e))
		return;
	for (size_t i = 0; i < HEALTH_CHECK_KINDS; i++) {
		struct node *probe = node_get(ide, probes[i].name);
		if (checks.items[i].port != 0 && is_rewritten(probe, i))
			restore(d, probe, &checks.items[i]);
	}
}
