/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads annotations: one table with the syntax of each (docs/injection.md describes them).
 *
 * Unknown annotations are problems: a misspelt one may have been meant as a restriction.
 */
#include <stdlib.h>

#include "base/ascii.h"
#include "base/dns_name.h"
#include "base/net/address.h"
#include "base/url.h"
#include "container/inject/ide/inject_probes.h"
#include "container/inject/inject_edit.h"
#include "container/inject/inject_gitlab.h"
#include "container/inject/uninject.h"
#include "container/inject/value/mount_path.h"
#include "container/inject/value/quantity.h"

#define TEXT_MAX_BYTES 2048u
#define STATUS	       "status" /* written by us, ignored on reading */

typedef bool check_fn(struct str text);

static bool
is_label(struct str text)
{
	return dns_is_label(text, DNS_CANONICAL);
}

static bool
is_subdomain(struct str text)
{
	return dns_is_name(text, DNS_CANONICAL);
}

static bool
is_positive(struct str text)
{
	uint64_t value;

	return str_to_u64(text, 1, INT64_MAX, &value);
}

static bool
is_depth(struct str text)
{
	uint64_t value;

	return str_to_u64(text, 0, 1000000, &value);
}

static bool
is_port(struct str text)
{
	uint64_t value;

	return str_to_u64(text, 1, UINT16_MAX, &value) && value != INJECT_HTTPS_NUMBER &&
	       value != INJECT_ADMIN_NUMBER;
}

/* Values become environment variables, in which Kubernetes expands "$(NAME)". */
static bool
is_value(struct str text)
{
	if (text.len == 0 || text.len > TEXT_MAX_BYTES || str_find(text, STR("$(")) != SIZE_MAX)
		return false;
	return !ascii_has_control(text);
}

static bool
is_https_url(struct str text)
{
	return is_value(text) && str_starts_with(text, STR("https://"));
}

static bool
is_path(struct str text)
{
	return is_value(text) && mount_path_is_valid(text);
}

static bool
is_ports(struct str text)
{
	for (size_t i = 0; i < text.len; i++)
		if (strchr("0123456789,-", text.data[i]) == NULL)
			return false;
	return text.len > 0 && text.len <= TEXT_MAX_BYTES;
}

/* Checks the form only; the sidecar itself knows which ones it passes. */
static bool
is_protocols(struct str text)
{
	return text.len > 0 && text.len <= TEXT_MAX_BYTES &&
	       ascii_all_alnum_or(text, STR("-_./+, "));
}

static bool
is_audience(struct str text)
{
	static const char *const names[] = {"owner", "project", "group",
					    "users", "gitlab",	"public"};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (str_equal(text, str_from(names[i])))
			return true;
	return false;
}

static bool
is_lines(struct str text)
{
	return text.len > 0 && text.len <= TEXT_MAX_BYTES;
}

static bool
is_true(struct str text)
{
	return str_equal(text, STR("true"));
}

static bool
is_loopback_address(struct str text)
{
	struct address a;
	struct ip ip;

	return is_value(text) && address_parse(&a, text, NULL) && address_get_ip(&a, &ip) &&
	       ip_is_loopback(&ip) && address_port(&a) != 0;
}

/* Checks the form only; the sidecar parses it completely. */
static bool
is_host_key(struct str text)
{
	struct str rest = text;
	struct str type;
	struct str base64;

	return is_value(text) && str_next(&rest, ' ', &type) &&
	       (str_equal(type, STR("ssh-ed25519")) ||
		str_equal(type, STR("ecdsa-sha2-nistp256"))) &&
	       str_next(&rest, ' ', &base64) && base64.len > 0 &&
	       ascii_all_alnum_or(base64, STR("+/="));
}

static bool
is_user_name(struct str text)
{
	return text.len > 0 && text.len <= 32 && text.data[0] != '-' &&
	       ascii_all_alnum_or(text, STR("._-"));
}

static bool
is_sidecar_user(struct str text)
{
	return str_equal(text, STR("own")) || str_equal(text, STR("ide"));
}

static bool
is_service_port(struct str text)
{
	uint64_t value;

	return is_label(text) || str_to_u64(text, 1, UINT16_MAX, &value);
}

static const struct param {
	const char *name;
	size_t offset;
	check_fn *check;
	const char *expected;
	bool is_service;
	unsigned needs;	 /* CONTAINER_ALLOW_… */
	bool is_default; /* namespaces may set it for all of their workspaces */
} params[] = {
#define ROW(name, field, check, expected)                                                          \
	{                                                                                          \
		name, offsetof(struct inject_params, field), check, expected, false, 0, false      \
	}
#define DEFAULT(name, field, check, expected)                                                      \
	{                                                                                          \
		name, offsetof(struct inject_params, field), check, expected, false, 0, true       \
	}
	ROW("name", name, is_label, "one label of a host name, in lower case"),
	ROW("external-url", external_url, is_https_url,
	    "an https origin such as https://name.zone"),
	ROW("workspace-id", workspace_id, is_positive, "a positive number"),
	ROW("project", project, is_value, "a project's id or its full path such as group/project"),
	ROW("owner-id", owner_id, is_positive, "a positive number"),
	ROW("group", group, is_value, "a group's id or its full path such as company/team"),
	ROW("users", users, is_value, "GitLab usernames or ids, separated by commas"),
	DEFAULT("container", container, is_label, "the name of a container of the pod"),
	DEFAULT("upstream-port", upstream_port, is_port,
		"a port from 1 to 65535 other than 8443 and 9877"),
	DEFAULT("ports", ports, is_ports, "ports and ranges such as 3000,8000-8079"),
	DEFAULT("upgrade-protocols", upgrade_protocols, is_protocols,
		"protocols such as tcp,SPDY/3.1"),
	DEFAULT("port-sharing-max", port_sharing_max, is_audience,
		"owner, project, group, users, gitlab or public"),
	DEFAULT("ide-env", ide_env, is_lines, "NAME=value, one per line"),
	DEFAULT("ide-args", ide_args, is_lines, "arguments, separated by white space"),
	DEFAULT("ide-user", ide_user, is_positive, "a user id other than root's"),
	ROW("sidecar-user", sidecar_user, is_sidecar_user, "own or ide"),
	DEFAULT("ssh", ssh, is_true, "true"),
	ROW("ssh-upstream", ssh_upstream, is_loopback_address,
	    "a loopback address with a port, such as 127.0.0.1:60022"),
	ROW("ssh-upstream-host-key", ssh_upstream_host_key, is_host_key,
	    "a public key, such as ssh-ed25519 AAAA…"),
	ROW("ssh-upstream-user", ssh_upstream_user, is_user_name,
	    "the name of the user in the workspace"),
	DEFAULT("ide-log", ide_log, is_true, "true"),
	ROW("probes", probes, inject_probes_are_valid, "what injection has written"),
	ROW("clone-url", clone_url, is_https_url, "an https URL"),
	ROW("clone-dir", clone_dir, is_path, "an absolute path other than /, without . and .."),
	ROW("clone-ref", clone_ref, is_value, "the name of a branch or tag, a ref or a commit id"),
	DEFAULT("clone-depth", clone_depth, is_depth, "a number from 0 to 1000000"),
	DEFAULT("cpu-request", cpu_request, quantity_is_valid, "a quantity such as 100m"),
	DEFAULT("cpu-limit", cpu_limit, quantity_is_valid, "a quantity such as 1"),
	DEFAULT("memory-request", memory_request, quantity_is_valid, "a quantity such as 64Mi"),
	DEFAULT("memory-limit", memory_limit, quantity_is_valid, "a quantity such as 512Mi"),
#undef ROW
#undef DEFAULT
	{"image", offsetof(struct inject_params, image), is_value, "the reference of an image",
	 false, CONTAINER_ALLOW_IMAGE, false},
	{"secret", offsetof(struct inject_params, secret), is_subdomain, "the name of a secret",
	 false, CONTAINER_ALLOW_SECRETS, false},
	{"tls-secret", offsetof(struct inject_params, tls_secret), is_subdomain,
	 "the name of a secret", false, CONTAINER_ALLOW_SECRETS, false},
	{"service-port", offsetof(struct inject_params, service_port), is_service_port,
	 "the name or number of one of the service's ports", true, 0, false},
};
#define PARAM_COUNT (sizeof(params) / sizeof(params[0]))

static const struct param *
find_param(struct str name)
{
	for (size_t i = 0; i < PARAM_COUNT; i++)
		if (str_equal(name, str_from(params[i].name)))
			return &params[i];
	return NULL;
}

static void
report_unknown(struct inject *c, struct str name)
{
	size_t least = 2 + name.len / 4; /* a greater distance is no typing error */
	const char *nearest = NULL;

	/* Not for messages that are dropped. */
	for (size_t i = 0; i < PARAM_COUNT && c->report->problems.count < INJECT_NOTES_MAX; i++) {
		size_t distance = str_distance(name, str_from(params[i].name));
		if (distance >= least)
			continue;
		least = distance;
		nearest = params[i].name;
	}
	if (nearest == NULL)
		inject_problem(c, "annotation " INJECT_PREFIX "%.*s: unknown annotation",
			       STR_FMT(str_take(name, 100)));
	else
		inject_problem(c,
			       "annotation " INJECT_PREFIX
			       "%.*s: unknown annotation; did you mean " INJECT_PREFIX "%s?",
			       STR_FMT(str_take(name, 100)), nearest);
}

/* Shortens a refused value for a message. Some users put a private key there. */
static struct str
shown_text(const struct param *p, struct str value)
{
	return p->check == is_host_key ? STR("(not shown)") : str_take(value, 100);
}

static void
read_param(struct inject *c, const struct param *p, const struct node *value)
{
	struct str *field = (struct str *)(void *)((char *)&c->params + p->offset);

	if (value->kind != NODE_STR)
		inject_problem(c, "annotation " INJECT_PREFIX "%s: must be a string: quote it",
			       p->name);
	else if ((p->needs & ~c->settings->allowed) != 0)
		inject_problem(c,
			       "annotation " INJECT_PREFIX "%s: not allowed by the operator "
			       "(INJECT_ALLOW)",
			       p->name);
	else if (!p->check(value->text))
		inject_problem(c, "annotation " INJECT_PREFIX "%s: \"%.*s\": expected %s", p->name,
			       STR_FMT(shown_text(p, value->text)), p->expected);
	else
		*field = value->text;
}

/* Returns the first label of external-url's host; empty: the URL has a problem, which is reported.
 * annotation is where the URL comes from. */
static struct str
name_of_url(struct inject *c, const char *annotation)
{
	struct str zone = str_from(c->settings->zone);
	struct err e = ERR_INIT;
	struct url url;

	if (!url_parse(&url, c->params.external_url, &c->doc->arena, &e)) {
		inject_problem(c, "annotation %s: %s", annotation, e.text);
		return STR_NONE;
	}
	c->report->host = url.host;
	struct str name = str_take(url.host, str_find_byte(url.host, '.'));
	if (url.path.len > 1 || url.query.len > 0 || !is_label(name)) {
		inject_problem(c, "annotation %s: expected an origin such as https://name.zone",
			       annotation);
		return STR_NONE;
	}
	if (zone.len > 0 &&
	    !(str_equal(str_skip(url.host, name.len + 1), zone) && url.port == 443)) {
		inject_problem(c, "annotation %s: is not one label below %.*s (INJECT_ZONE)",
			       annotation, STR_FMT(zone));
		return STR_NONE;
	}
	return name;
}

/* With a zone, derives name or external-url from the other one. */
static void
complete_name(struct inject *c)
{
	struct inject_params *p = &c->params;

	if (p->external_url.len > 0) {
		struct str name = name_of_url(c, inject_gitlab_url_annotation(c));
		if (p->name.len == 0)
			p->name = name;
		else if (c->settings->zone != NULL && !str_equal(p->name, name))
			inject_problem(c, "annotation " INJECT_PREFIX "external-url: contradicts "
					  "annotation " INJECT_PREFIX "name");
		return;
	}
	if (p->name.len == 0) {
		inject_problem(c, "annotation " INJECT_PREFIX "%s: required",
			       c->settings->zone == NULL ? "external-url" : "name");
		return;
	}
	if (c->settings->zone == NULL) {
		inject_problem(c, "annotation " INJECT_PREFIX "external-url: required, because "
				  "INJECT_ZONE is not set");
		return;
	}
	p->external_url = inject_allocated(c, arena_printf(&c->doc->arena, "https://%.*s.%s",
							   STR_FMT(p->name), c->settings->zone));
	c->report->host = str_skip(p->external_url, strlen("https://"));
}

/* Refuses names such as "3000-kiwi", the host of port 3000 of workspace kiwi; GitLab names IDEs
 * "60001-kiwi". */
static void
check_name(struct inject *c)
{
	struct str name = c->params.name;
	size_t hyphen = str_find_byte(name, '-');
	uint64_t port = 0;

	if (hyphen != SIZE_MAX && str_to_u64(str_take(name, hyphen), 1, UINT16_MAX, &port) &&
	    port != INJECT_GITLAB_PORT)
		inject_problem(c,
			       "annotation " INJECT_PREFIX
			       "name: \"%.*s\" is the host of port %u of "
			       "another workspace",
			       STR_FMT(str_take(name, 63)), (unsigned)port);
}

static void
require(struct inject *c, bool is_required, struct str value, const char *name)
{
	if (is_required && value.len == 0)
		inject_problem(c, "annotation " INJECT_PREFIX "%s: required", name);
}

static void
require_pair(struct inject *c, struct str a, const char *a_name, struct str b, const char *b_name)
{
	if (a.len > 0 && b.len == 0)
		inject_problem(c, "annotation " INJECT_PREFIX "%s: requires " INJECT_PREFIX "%s",
			       a_name, b_name);
}

/* The operator's PORT_SHARING_MAX is the limit. */
static void
check_sharing(struct inject *c)
{
	struct str wanted = c->params.port_sharing_max;
	struct str rest = str_from(c->settings->port_sharing_allowed);
	struct str one;

	while (wanted.len > 0 && str_next(&rest, ' ', &one))
		if (str_equal(one, wanted))
			return;
	if (wanted.len > 0 && !str_equal(wanted, STR("owner")))
		inject_problem(c,
			       "annotation " INJECT_PREFIX
			       "port-sharing-max: \"%.*s\": more than the operator allows "
			       "(PORT_SHARING_MAX)",
			       STR_FMT(wanted));
}

static void
check_pod_params(struct inject *c)
{
	const struct container_settings *s = c->settings;
	const struct inject_params *p = &c->params;

	complete_name(c);
	check_name(c);
	require(c, s->needs_workspace_id, p->workspace_id, "workspace-id");
	require(c, s->needs_project, p->project, "project");
	require(c, s->needs_owner_id, p->owner_id, "owner-id");
	require(c, s->needs_group, p->group, "group");
	require(c, s->needs_users, p->users, "users");
	require_pair(c, p->clone_url, "clone-url", p->clone_dir, "clone-dir");
	require_pair(c, p->clone_dir, "clone-dir", p->clone_url, "clone-url");
	require_pair(c, p->clone_ref, "clone-ref", p->clone_url, "clone-url");
	require_pair(c, p->clone_depth, "clone-depth", p->clone_url, "clone-url");
	require_pair(c, p->port_sharing_max, "port-sharing-max", p->ports, "ports");
	check_sharing(c);
}

void
inject_params_read(struct inject *c, bool is_service)
{
	const struct node *annotations = node_get(c->metadata, "annotations");

	for (const struct node *a = node_first(annotations); a != NULL; a = node_next(a)) {
		if (!str_starts_with(a->key, STR(INJECT_PREFIX)))
			continue;
		struct str name = str_skip(a->key, strlen(INJECT_PREFIX));
		const struct param *p = find_param(name);
		if (str_equal(name, STR(STATUS)) || str_equal(name, STR(UNINJECT_RECORD)))
			continue;
		if (p == NULL)
			report_unknown(c, name);
		else if (p->is_service == is_service)
			read_param(c, p, a);
	}
	inject_gitlab_complete(c, is_service);
	if (!is_service && inject_has_no_problem(c))
		check_pod_params(c);
}

static void
apply_default(struct inject *c, struct node *annotations, const struct node *value)
{
	const struct param *p = find_param(value->key);
	char *key = arena_printf(&c->doc->arena, INJECT_PREFIX "%.*s", STR_FMT(value->key));

	c->doc->failed = c->doc->failed || key == NULL;
	if (p == NULL || !p->is_default)
		inject_problem(c, "settings of the namespace: %.*s: unknown setting",
			       STR_FMT(str_take(value->key, 100)));
	else if (!p->check(node_text(value)))
		inject_problem(c, "settings of the namespace: %s: \"%.*s\": expected %s", p->name,
			       STR_FMT(str_take(node_text(value), 100)), p->expected);
	else if (key != NULL && node_get(annotations, key) == NULL)
		node_set_str(c->doc, annotations, key, node_text(value));
}

void
inject_apply_defaults(struct doc *d, struct node *pod, const struct node *data,
		      struct inject_report *report)
{
	struct node *metadata = node_get(pod, "metadata");
	struct inject c = {.doc = d, .report = report};

	if (node_first(data) == NULL || !node_is(metadata, NODE_MAP))
		return;
	struct node *annotations = inject_map_at(d, metadata, "annotations");
	for (const struct node *v = node_first(data); v != NULL; v = node_next(v))
		apply_default(&c, annotations, v);
}
