/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Builds the sidecar's container from the operator's settings and the pod's annotations; its
 * volumes are in inject_volumes.c.
 *
 * Values that the API server would set by default are written explicitly, so that a container can
 * be compared with the expected one.
 */
#include <stdio.h>

#include "container/inject/ide/inject_git_config.h"
#include "container/inject/ide/inject_log.h"
#include "container/inject/inject_user.h"
#include "container/inject/value/mount_path.h"
#include "container/inject/value/quantity.h"

#define SECRETS_PATH "/etc/workspace-proxy/secrets"
#define TLS_PATH     "/etc/workspace-proxy/tls"
#define CA_PATH	     "/etc/workspace-proxy/ca"
#define STATE_PATH   "/run/workspace-proxy"
#define GRACE_S	     30 /* default of terminationGracePeriodSeconds */

struct builder {
	struct inject *c;
	struct node *container;
	struct node *env;
	struct node *mounts;
};

static struct str
or_else(struct str value, const char *fallback)
{
	return value.len > 0 ? value : str_from(fallback);
}

/* Adds nothing if value is empty. */
static void
add_env(struct builder *b, const char *name, struct str value)
{
	struct doc *d = b->c->doc;
	char variable[64];

	if (value.len == 0)
		return;
	(void)snprintf(variable, sizeof(variable), INJECT_ENV_PREFIX "%s", name);
	struct node *entry = node_append_map(d, b->env);
	node_set_str(d, entry, "name", str_from(variable));
	node_set_str(d, entry, "value", value);
}

static void
add_env_text(struct builder *b, const char *name, const char *value)
{
	add_env(b, name, str_from(value));
}

static void
add_env_number(struct builder *b, const char *name, int64_t value)
{
	char text[24];

	(void)snprintf(text, sizeof(text), "%lld", (long long)value);
	add_env_text(b, name, text);
}

static void
add_secret_files(struct builder *b)
{
	static const struct {
		unsigned key;
		const char *variable;
		const char *file;
	} keys[] = {
		{CONTAINER_KEY_COOKIE_SECRET, "COOKIE_SECRET_FILE", SECRETS_PATH "/cookie-secret"},
		{CONTAINER_KEY_CLIENT_SECRET, "CLIENT_SECRET_FILE", SECRETS_PATH "/client-secret"},
		{CONTAINER_KEY_RELAY_KEY, "RELAY_KEY_FILE", SECRETS_PATH "/relay-key"},
		{CONTAINER_KEY_CLONE_TOKEN, "CLONE_TOKEN_FILE", SECRETS_PATH "/clone-token"},
	};

	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		if ((b->c->settings->secret_keys & keys[i].key) != 0)
			add_env_text(b, keys[i].variable, keys[i].file);
}

/* Sets a shutdown time shorter than that after which Kubernetes sends SIGKILL. */
static void
add_drain_timeout(struct builder *b)
{
	const struct node *grace = node_get(b->c->spec, "terminationGracePeriodSeconds");
	int64_t grace_s = node_is(grace, NODE_INT) ? grace->integer : GRACE_S;
	char text[32];

	grace_s = grace_s < 0 ? 0 : grace_s > 3600 ? 3600 : grace_s;
	(void)snprintf(text, sizeof(text), "%llds",
		       (long long)(grace_s >= 10 ? grace_s - 5 : grace_s / 2));
	add_env_text(b, "DRAIN_TIMEOUT", text);
}

/* Sets the helper's path in the IDE's container, which a clone writes into .git/config. */
static void
add_git(struct builder *b)
{
	static const char socket[] = INJECT_GIT_PATH "/credential.sock";
	int64_t user = inject_ide_user(b->c);

	if (!inject_has_git(b->c)) {
		add_env_text(b, "CREDENTIAL_SOCKET", "off");
		add_env_text(b, "CREDENTIAL_HELPER", "off");
		return;
	}
	add_env_text(b, "CREDENTIAL_SOCKET", socket);
	add_env_text(b, "CREDENTIAL_HELPER", INJECT_GIT_HELPER);
	/* The sidecar itself never runs as root. */
	if (user == 0 || (user > 0 && inject_has_own_user(b->c)))
		add_env_number(b, "CREDENTIAL_UID", user);
	if (b->c->params.ssh.len > 0)
		add_env_text(b, "SSH_SOCKET", INJECT_SSH_SOCKET);
}

static void
add_certificate(struct builder *b)
{
	if (!inject_has_tls_secret(b->c)) {
		add_env_text(b, "TLS", "self");
		return;
	}
	add_env_text(b, "TLS_CERT_FILE", TLS_PATH "/tls.crt");
	add_env_text(b, "TLS_KEY_FILE", TLS_PATH "/tls.key");
}

/* The operator's limit on sharing applies unless an annotation sets a lower one. */
static void
add_ports_settings(struct builder *b)
{
	const struct inject_params *p = &b->c->params;

	add_env(b, "PORTS", p->ports);
	add_env(b, "UPGRADE_PROTOCOLS", p->upgrade_protocols);
	if (p->port_sharing_max.len > 0)
		add_env(b, "PORT_SHARING_MAX", p->port_sharing_max);
	else if (p->ports.len > 0)
		add_env_text(b, "PORT_SHARING_MAX", b->c->settings->port_sharing_max);
}

static void
add_clone(struct builder *b)
{
	const struct inject_params *p = &b->c->params;

	add_env(b, "CLONE_URL", p->clone_url);
	add_env(b, "CLONE_DIR", p->clone_dir);
	add_env(b, "CLONE_REF", p->clone_ref);
	add_env(b, "CLONE_DEPTH", p->clone_depth);
	if (p->clone_dir.len == 0 || !inject_has_own_user(b->c))
		return;
	add_env_number(b, "CLONE_GROUP", inject_shared_group(b->c));
	add_env_text(b, "CLONE_UMASK", "0002");
}

static void
add_environment(struct builder *b)
{
	const struct container_settings *s = b->c->settings;
	const struct inject_params *p = &b->c->params;
	char upstream[32];

	(void)snprintf(upstream, sizeof(upstream), "http://127.0.0.1:%.*s",
		       STR_FMT(p->upstream_port));
	add_env(b, "EXTERNAL_URL", p->external_url);
	add_env_text(b, "HTTPS_ADDRESS", ":8443");
	add_env_text(b, "ADMIN_ADDRESS", ":9877");
	add_certificate(b);
	add_env_text(b, "UPSTREAM", upstream);
	add_ports_settings(b);
	add_env(b, "IDE_PROBES", p->probes);
	add_env_text(b, "GITLAB_URL", s->gitlab_url);
	add_env_text(b, "GITLAB_API_URL", s->gitlab_api_url);
	add_env_text(b, "GITLAB_SSH_ADDRESS", s->gitlab_ssh_text);
	if (s->ca_config_map != NULL)
		add_env_text(b, "GITLAB_CA_FILE", CA_PATH "/ca.crt");
	add_env_text(b, "CLIENT_ID", s->client_id);
	add_env_text(b, "RELAY_URL", s->relay_url);
	add_env_text(b, "BROKER", s->has_broker ? "on" : "");
	add_env_text(b, "AUTHORIZATION", s->authorization);
	add_env(b, "WORKSPACE_ID", p->workspace_id);
	add_env(b, "PROJECT", p->project);
	add_env(b, "OWNER_ID", p->owner_id);
	add_env(b, "GROUP", p->group);
	add_env(b, "USERS", p->users);
	add_secret_files(b);
	add_env_text(b, "STATE_DIR", STATE_PATH);
	add_git(b);
	/* The address of an sshd that the image itself starts. */
	add_env(b, "SSH_UPSTREAM", p->ssh_upstream);
	add_env(b, "SSH_UPSTREAM_HOST_KEY", p->ssh_upstream_host_key);
	add_env(b, "SSH_UPSTREAM_USER", p->ssh_upstream_user);
	add_drain_timeout(b);
	if (p->ide_log.len > 0)
		add_env_text(b, "LOG_FILES", INJECT_LOG_PATH "/*.log");
	add_clone(b);
}

static void
add_config_map(struct builder *b)
{
	struct doc *d = b->c->doc;

	if (b->c->settings->config_map == NULL)
		return;
	struct node *from = node_append_map(d, node_set_list(d, b->container, "envFrom"));
	node_set_str(d, node_set_map(d, from, "configMapRef"), "name",
		     str_from(b->c->settings->config_map));
}

static void
add_port(struct builder *b, struct node *ports, const char *name, int64_t number)
{
	struct doc *d = b->c->doc;
	struct node *port = node_append_map(d, ports);

	node_set_str(d, port, "name", str_from(name));
	node_set_int(d, port, "containerPort", number);
	node_set_str(d, port, "protocol", STR("TCP"));
}

static void
add_ports(struct builder *b)
{
	struct node *ports = node_set_list(b->c->doc, b->container, "ports");

	add_port(b, ports, INJECT_PORT_HTTPS, INJECT_HTTPS_NUMBER);
	add_port(b, ports, INJECT_PORT_ADMIN, INJECT_ADMIN_NUMBER);
}

static void
check_resources(struct inject *c, const char *what, struct str request, struct str limit)
{
	if (quantity_exceeds(request, limit))
		inject_problem(c, "%s: request %.*s exceeds limit %.*s", what, STR_FMT(request),
			       STR_FMT(limit));
}

static void
add_resources(struct builder *b)
{
	struct doc *d = b->c->doc;
	const struct container_settings *s = b->c->settings;
	const struct inject_params *p = &b->c->params;
	struct str cpu_request = or_else(p->cpu_request, s->cpu_request);
	struct str cpu_limit = or_else(p->cpu_limit, s->cpu_limit);
	struct str memory_request = or_else(p->memory_request, s->memory_request);
	struct str memory_limit = or_else(p->memory_limit, s->memory_limit);
	struct node *resources = node_set_map(d, b->container, "resources");
	struct node *requests = node_set_map(d, resources, "requests");
	struct node *limits = node_set_map(d, resources, "limits");

	check_resources(b->c, "cpu", cpu_request, cpu_limit);
	check_resources(b->c, "memory", memory_request, memory_limit);
	node_set_str(d, requests, "cpu", cpu_request);
	node_set_str(d, requests, "memory", memory_request);
	node_set_str(d, limits, "cpu", cpu_limit);
	node_set_str(d, limits, "memory", memory_limit);
}

static void
add_security_context(struct builder *b)
{
	struct doc *d = b->c->doc;
	struct node *context = node_set_map(d, b->container, "securityContext");

	node_set_bool(d, context, "allowPrivilegeEscalation", false);
	struct node *drop = node_set_list(d, node_set_map(d, context, "capabilities"), "drop");
	node_append(drop, node_new_str(d, STR("ALL")));
	node_set_bool(d, context, "privileged", false);
	node_set_bool(d, context, "readOnlyRootFilesystem", true);
	node_set_bool(d, context, "runAsNonRoot", true);
	inject_set_user(b->c, context);
	node_set_str(d, node_set_map(d, context, "seccompProfile"), "type", STR("RuntimeDefault"));
}

static struct node *
add_mount(struct builder *b, const char *volume, const char *path, bool is_read_only)
{
	struct doc *d = b->c->doc;
	struct node *mount = node_append_map(d, b->mounts);

	node_set_str(d, mount, "name", str_from(volume));
	node_set_str(d, mount, "mountPath", str_from(path));
	if (is_read_only)
		node_set_bool(d, mount, "readOnly", true);
	return mount;
}

/* Returns the innermost mount of the IDE that contains the directory, or NULL. */
static const struct node *
mount_of(const struct node *ide, struct str directory)
{
	const struct node *found = NULL;

	for (const struct node *m = node_first(node_get(ide, "volumeMounts")); m != NULL;
	     m = node_next(m))
		if (mount_path_is_within(directory, node_text_at(m, "mountPath")) &&
		    (found == NULL ||
		     node_text_at(m, "mountPath").len > node_text_at(found, "mountPath").len))
			found = m;
	return found;
}

/* Mounts the IDE's volume for the repository at the same path. */
static void
add_clone_mount(struct builder *b)
{
	struct doc *d = b->c->doc;
	struct str directory = b->c->params.clone_dir;

	if (directory.len == 0)
		return;
	const struct node *mount = mount_of(b->c->ide, directory);
	const struct node *read_only = node_get(mount, "readOnly");
	if (mount == NULL || (read_only != NULL && read_only->integer != 0)) {
		inject_problem(b->c,
			       "annotation " INJECT_PREFIX "clone-dir: is not on a writable volume "
			       "of container %.*s",
			       STR_FMT(node_text_at(b->c->ide, "name")));
		return;
	}
	if (node_get(mount, "subPathExpr") != NULL) {
		inject_problem(b->c,
			       "annotation " INJECT_PREFIX "clone-dir: its mount uses subPathExpr, "
			       "whose variables the sidecar does not have; use subPath");
		return;
	}
	if (mount_path_is_reserved(node_text_at(mount, "mountPath"))) {
		inject_problem(b->c,
			       "annotation " INJECT_PREFIX "clone-dir: its volume is mounted at "
			       "%.*s, which is reserved for the sidecar",
			       STR_FMT(str_take(node_text_at(mount, "mountPath"), 100)));
		return;
	}
	struct node *ours = node_append_map(d, b->mounts);
	static const char *const fields[] = {"name", "mountPath", "subPath"};
	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++)
		if (node_get(mount, fields[i]) != NULL)
			node_set(d, ours, fields[i], node_copy(d, node_get(mount, fields[i])));
}

static void
add_mounts(struct builder *b)
{
	b->mounts = node_set_list(b->c->doc, b->container, "volumeMounts");
	(void)add_mount(b, INJECT_VOLUME_STATE, STATE_PATH, false);
	(void)add_mount(b, INJECT_VOLUME_SECRET, SECRETS_PATH, true);
	if (inject_has_tls_secret(b->c))
		(void)add_mount(b, INJECT_VOLUME_TLS, TLS_PATH, true);
	if (b->c->settings->ca_config_map != NULL)
		(void)add_mount(b, INJECT_VOLUME_CA, CA_PATH, true);
	if (inject_has_git(b->c))
		(void)add_mount(b, INJECT_VOLUME_GIT, INJECT_GIT_PATH, false);
	if (b->c->params.ssh.len > 0)
		(void)add_mount(b, INJECT_VOLUME_SSH, INJECT_SSH_PATH, true);
	inject_add_log_mount(b->c, b->mounts);
	add_clone_mount(b);
}

struct probe_spec {
	const char *name;
	const char *path;
	int64_t period_s;
	int64_t failures;
};

static void
add_probes(struct builder *b)
{
	static const struct probe_spec probes[] = {
		{"startupProbe", "/ping", 1, 60},
		{"livenessProbe", "/ping", 10, 3},
		{"readinessProbe", "/ready", 5, 2},
	};
	struct doc *d = b->c->doc;

	for (size_t i = 0; i < sizeof(probes) / sizeof(probes[0]); i++) {
		struct node *probe = node_set_map(d, b->container, probes[i].name);
		struct node *get = node_set_map(d, probe, "httpGet");
		node_set_str(d, get, "path", str_from(probes[i].path));
		node_set_str(d, get, "port", STR(INJECT_PORT_ADMIN));
		node_set_str(d, get, "scheme", STR("HTTP"));
		node_set_int(d, probe, "timeoutSeconds", 3);
		node_set_int(d, probe, "periodSeconds", probes[i].period_s);
		node_set_int(d, probe, "successThreshold", 1);
		node_set_int(d, probe, "failureThreshold", probes[i].failures);
	}
}

static void
add_image(struct builder *b, const char *name)
{
	struct doc *d = b->c->doc;

	node_set_str(d, b->container, "name", str_from(name));
	node_set_str(d, b->container, "image", or_else(b->c->params.image, b->c->settings->image));
	node_set_str(d, b->container, "imagePullPolicy", str_from(b->c->settings->pull_policy));
}

static void
add_termination(struct builder *b)
{
	struct doc *d = b->c->doc;

	node_set_str(d, b->container, "terminationMessagePath", STR("/dev/termination-log"));
	node_set_str(d, b->container, "terminationMessagePolicy", STR("File"));
}

struct node *
inject_git_container(struct inject *c)
{
	struct doc *d = c->doc;
	struct builder b = {.c = c, .container = node_new(d, NODE_MAP)};

	add_image(&b, INJECT_GIT_CONTAINER);
	struct node *args = node_set_list(d, b.container, "args");
	node_append(args, node_new_str(d, STR("install")));
	if (c->params.ssh.len > 0)
		node_append(args, node_new_str(d, STR("--sshd")));
	node_append(args, node_new_str(d, STR(INJECT_GIT_PATH)));
	add_resources(&b);
	b.mounts = node_set_list(d, b.container, "volumeMounts");
	(void)add_mount(&b, INJECT_VOLUME_GIT, INJECT_GIT_PATH, false);
	add_termination(&b);
	add_security_context(&b);
	return b.container;
}

struct node *
inject_container(struct inject *c)
{
	struct doc *d = c->doc;
	struct builder b = {.c = c, .container = node_new(d, NODE_MAP)};

	add_image(&b, INJECT_NAME);
	if (c->settings->sidecar == CONTAINER_NATIVE)
		node_set_str(d, b.container, "restartPolicy", STR("Always"));
	add_ports(&b);
	add_config_map(&b);
	b.env = node_set_list(d, b.container, "env");
	add_environment(&b);
	add_resources(&b);
	add_mounts(&b);
	add_probes(&b);
	add_termination(&b);
	add_security_context(&b);
	return b.container;
}
