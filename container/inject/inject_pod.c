/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Changes one pod, step by step: volumes, the sidecar, git's helper, the IDE's environment and
 * arguments. Each step accepts what is already present and correct; anything that is present and
 * differs is a problem.
 */
#include "base/ascii.h"
#include "container/inject/ide/inject_git_config.h"
#include "container/inject/ide/inject_log.h"
#include "container/inject/ide/inject_probes.h"
#include "container/inject/ide/inject_ssh.h"
#include "container/inject/inject_edit.h"
#include "container/inject/inject_gitlab.h"
#include "container/inject/inject_user.h"

#define ARGS_MAX 64u

/* Returns the container's name in our annotation, or in kubectl's. */
static struct str
ide_name(const struct inject *c)
{
	if (c->params.container.len > 0)
		return c->params.container;
	return node_text(node_get(node_get(c->metadata, "annotations"),
				  "kubectl.kubernetes.io/default-container"));
}

struct node *
inject_find_ide(const struct inject *c)
{
	struct node *containers = node_get(c->spec, "containers");
	struct str wanted = ide_name(c);

	if (!node_is(containers, NODE_LIST))
		return NULL;
	if (wanted.len > 0)
		return node_named(containers, wanted);
	if (inject_gitlab_container(c, containers) != NULL)
		return inject_gitlab_container(c, containers);
	for (struct node *n = node_first(containers); n != NULL; n = node_next(n))
		if (!str_equal(inject_name_of(n), STR(INJECT_NAME)))
			return n;
	return NULL;
}

static struct node *
find_ide(struct inject *c)
{
	struct node *found = inject_find_ide(c);
	struct str wanted = ide_name(c);

	if (found == NULL && wanted.len > 0)
		inject_problem(c, "there is no container %.*s", STR_FMT(str_take(wanted, 63)));
	else if (found == NULL)
		inject_problem(c, "the pod has no container for the IDE");
	return found;
}

/* Without an annotation, uses the only port of the IDE's container. */
static void
find_upstream_port(struct inject *c)
{
	const struct node *ports = node_get(c->ide, "ports");
	const struct node *port = node_get(node_first(ports), "containerPort");

	if (c->params.upstream_port.len > 0)
		return;
	if (ports == NULL || ports->count != 1 || !node_is(port, NODE_INT) || port->integer < 1 ||
	    port->integer > UINT16_MAX) {
		inject_problem(c,
			       "annotation " INJECT_PREFIX "upstream-port: required, because "
			       "container %.*s does not have exactly one port",
			       STR_FMT(inject_name_of(c->ide)));
		return;
	}
	c->params.upstream_port =
		inject_allocated(c, arena_printf(&c->doc->arena, "%d", (int)port->integer));
}

static void
ensure_volumes(struct inject *c, const struct node *ours)
{
	struct node *list = inject_list_at(c->doc, c->spec, "volumes");

	for (const struct node *v = node_first(ours); v != NULL; v = node_next(v)) {
		const struct node *there = node_named(list, node_text_at(v, "name"));
		if (there == NULL)
			node_append(list, node_copy(c->doc, v));
		else
			(void)inject_check_existing(c, "volume", v, there);
	}
}

static size_t
count_named(const struct node *list, struct str name)
{
	size_t count = 0;

	for (const struct node *n = node_first(list); n != NULL; n = node_next(n))
		count += str_equal(inject_name_of(n), name);
	return count;
}

/* Whether our container is at most once in the list where it belongs, and not in the other one. */
static bool
is_unique(struct inject *c, const char *name, bool is_init)
{
	const char *place = is_init ? "initContainers" : "containers";
	const char *other = is_init ? "containers" : "initContainers";

	if (count_named(node_get(c->spec, other), str_from(name)) > 0)
		inject_problem(c, "container %s: exists in %s instead of %s", name, other, place);
	else if (count_named(node_get(c->spec, place), str_from(name)) > 1)
		inject_problem(c, "container %s: exists more than once", name);
	else
		return true;
	return false;
}

/* A native sidecar comes first: later init containers wait until it has started. */
static void
ensure_container(struct inject *c, struct node *wanted)
{
	bool is_native = c->settings->sidecar == CONTAINER_NATIVE;

	if (!is_unique(c, INJECT_NAME, is_native))
		return;
	struct node *list =
		inject_list_at(c->doc, c->spec, is_native ? "initContainers" : "containers");
	const struct node *there = node_named(list, STR(INJECT_NAME));
	if (there != NULL)
		(void)inject_check_existing(c, "container", wanted, there);
	else if (is_native)
		node_prepend(list, wanted);
	else
		node_append(list, wanted);
}

static void
ensure_git(struct inject *c)
{
	struct node *list;
	const struct node *there;

	if (!inject_has_git(c) || !is_unique(c, INJECT_GIT_CONTAINER, true))
		return;
	struct node *wanted = inject_git_container(c);
	list = inject_list_at(c->doc, c->spec, "initContainers");
	there = node_named(list, STR(INJECT_GIT_CONTAINER));
	if (there == NULL)
		node_prepend(list, wanted);
	else
		(void)inject_check_existing(c, "container", wanted, there);
	/* Read-only: the IDE must not replace the socket or the helper. */
	inject_ensure_mount(c, INJECT_VOLUME_GIT, INJECT_GIT_PATH, true);
}

static bool
is_variable_name(struct str name)
{
	return name.len > 0 && ascii_all_alnum_or(name, STR("_")) && !ascii_is_digit(name.data[0]);
}

static void
ensure_ide_env(struct inject *c)
{
	struct str rest = c->params.ide_env;
	struct str line;

	if (rest.len == 0)
		return;
	while (str_next(&rest, '\n', &line)) {
		line = str_trim(line);
		size_t equals = str_find_byte(line, '=');
		if (line.len == 0)
			continue;
		if (equals == SIZE_MAX || !is_variable_name(str_take(line, equals)))
			inject_problem(c,
				       "annotation " INJECT_PREFIX "ide-env: \"%.*s\": expected "
				       "NAME=value",
				       STR_FMT(str_take(line, 100)));
		else
			inject_set_variable(c, str_take(line, equals), str_skip(line, equals + 1));
	}
}

/* Sets the URL at which VS Code and code-server open ports of the workspace. Hosts of ports are the
 * same whether the IDE is at "kiwi" or at "60001-kiwi", as GitLab names it. */
static void
ensure_port_address(struct inject *c)
{
	struct str scheme = STR("https://");
	struct str ide_prefix = STR("60001-");
	struct str host = str_skip(c->params.external_url, scheme.len);

	if (c->params.ports.len == 0 || !str_starts_with(c->params.external_url, scheme) ||
	    node_named(node_get(c->ide, "env"), STR("VSCODE_PROXY_URI")) != NULL)
		return;
	if (str_starts_with(host, ide_prefix))
		host = str_skip(host, ide_prefix.len);
	host = str_take(host, str_find_byte(host, '/'));
	inject_set_variable(
		c, STR("VSCODE_PROXY_URI"),
		inject_allocated(
			c, arena_printf(&c->doc->arena, "https://{{port}}-%.*s/", STR_FMT(host))));
}

static size_t
split_words(struct str text, struct str *words, size_t max)
{
	size_t count = 0;
	size_t at = 0;

	while (at < text.len) {
		size_t begin = at;
		while (at < text.len && strchr(" \t\n\r", text.data[at]) == NULL)
			at++;
		if (at > begin && count < max)
			words[count] = str_take(str_skip(text, begin), at - begin);
		count += at > begin;
		at++;
	}
	return count;
}

static bool
ends_with_words(const struct node *args, const struct str *words, size_t count)
{
	size_t skip;
	const struct node *n = node_first(args);

	if (args == NULL || args->count < count)
		return false;
	for (skip = args->count - count; skip > 0; skip--)
		n = node_next(n);
	for (size_t i = 0; i < count; i++, n = node_next(n))
		if (n->kind != NODE_STR || !str_equal(n->text, words[i]))
			return false;
	return true;
}

size_t
inject_ide_args(const struct node *args, struct str text)
{
	struct str words[ARGS_MAX];
	size_t count = split_words(text, words, ARGS_MAX);

	return count > 0 && count <= ARGS_MAX && ends_with_words(args, words, count) ? count : 0;
}

static void
ensure_ide_args(struct inject *c)
{
	struct str words[ARGS_MAX];
	size_t count = split_words(c->params.ide_args, words, ARGS_MAX);
	const struct node *args = node_get(c->ide, "args");

	if (count == 0 || ends_with_words(args, words, count))
		return;
	if (count > ARGS_MAX) {
		inject_problem(c, "annotation " INJECT_PREFIX "ide-args: more than %u arguments",
			       ARGS_MAX);
		return;
	}
	if (args == NULL && node_get(c->ide, "command") == NULL) {
		inject_problem(c,
			       "annotation " INJECT_PREFIX "ide-args: container %.*s has neither "
			       "command nor args, so these would replace the image's default "
			       "command; use ide-env, or write the args out",
			       STR_FMT(inject_name_of(c->ide)));
		return;
	}
	struct node *list = inject_list_at(c->doc, c->ide, "args");
	for (size_t i = 0; i < count; i++)
		node_append(list, node_new_str(c->doc, words[i]));
}

static void
ensure_status(struct inject *c)
{
	node_set_str(c->doc, inject_map_at(c->doc, c->metadata, "annotations"),
		     INJECT_PREFIX "status", STR("injected"));
}

static void
change_pod(struct inject *c)
{
	struct node *volumes = node_new(c->doc, NODE_LIST);

	inject_ensure_group(c);
	inject_volumes(c, volumes);
	inject_check_pod(c, volumes);
	inject_check_users(c);
	inject_check_ssh(c);
	inject_check_log(c);
	inject_plan_probes(c);
	struct node *container = inject_container(c);
	if (!inject_has_no_problem(c))
		return;
	ensure_volumes(c, volumes);
	ensure_container(c, container);
	ensure_git(c);
	inject_ensure_ssh(c);
	inject_ensure_log(c);
	ensure_ide_env(c);
	ensure_port_address(c);
	if (inject_has_git(c))
		inject_git_config(c);
	ensure_ide_args(c);
	inject_ensure_probes(c);
	ensure_status(c);
}

void
inject_pod(struct inject *c)
{
	if (!inject_check_sizes(c))
		return;
	inject_params_read(c, false);
	inject_check_spec(c);
	c->ide = find_ide(c);
	if (c->ide != NULL)
		find_upstream_port(c);
	if (inject_has_no_problem(c))
		change_pod(c);
}
