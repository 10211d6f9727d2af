/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Checks of the settings of `inject` and `webhook`, and of those that they pass on to sidecars.
 */
#include "container/container.h"
#include "proxy/settings/check/settings_check.h"
#include "proxy/settings/parse/settings_parse.h"

#define TEXT_MAX_BYTES 1024u

/* Returns the URL as text, or NULL if it is not set. */
static const char *
text_of(struct settings *s, const struct url *u)
{
	if (str_is_empty(u->host))
		return NULL;
	const char *origin = url_origin(u, &s->arena);
	return origin == NULL ? NULL : arena_printf(&s->arena, "%s%.*s", origin, STR_FMT(u->path));
}

/* Returns a setting as its formatter writes it, or NULL if it is not set. */
static const char *
format(struct settings *s, conf_format_fn *formatter, const void *field)
{
	struct buf text;

	buf_init(&text, TEXT_MAX_BYTES);
	formatter(field, &text);
	const char *copy = text.len == 0 ? NULL : arena_dup(&s->arena, buf_view(&text));
	buf_fini(&text);
	return copy;
}

/* Lists the audiences up to PORT_SHARING_MAX, each after a space. */
static void
format_allowed_audiences(const void *field, struct buf *out)
{
	const enum auth_audience *max = field;

	for (unsigned i = 0; i < AUTH_AUDIENCES; i++)
		if (!auth_audience_is_wider((enum auth_audience)i, *max))
			buf_addf(out, " %s", auth_audience_name((enum auth_audience)i));
}

static void
check_limit(struct conf_problems *problems, const char *variable, const char *request,
	    const char *limit)
{
	if (request != NULL && limit != NULL &&
	    quantity_exceeds(str_from(request), str_from(limit)))
		conf_problem(problems, variable, "got \"%s\"; expected at most the limit, %s",
			     request, limit);
}

/* INJECT_SECRETS=create: every secret of a sidecar must be one that the webhook can create. */
static void
check_secrets(struct settings_check *check)
{
	struct settings *s = check->s;
	struct container_settings *c = &s->container;
	unsigned made = CONTAINER_KEY_COOKIE_SECRET | CONTAINER_KEY_RELAY_KEY;

	if (s->relay.master_keys.count == 0 &&
	    !settings_check_is_reported(check, "RELAY_MASTER_KEY"))
		conf_problem(check->problems, VAR("RELAY_MASTER_KEY"),
			     "needed with INJECT_SECRETS=create, but not set");
	if (c->relay_url == NULL && !settings_check_is_reported(check, "RELAY_URL"))
		conf_problem(check->problems, VAR("RELAY_URL"),
			     "needed with INJECT_SECRETS=create, but not set");
	if (c->zone == NULL && !settings_check_is_reported(check, "INJECT_ZONE"))
		conf_problem(check->problems, VAR("INJECT_ZONE"),
			     "needed with INJECT_SECRETS=create, because keys are made for hosts "
			     "of this zone only, but not set");
	if ((c->secret_keys & ~made) != 0)
		conf_problem(check->problems, VAR("INJECT_SECRET_KEYS"),
			     "INJECT_SECRETS=create makes cookie-secret and relay-key only; set "
			     "BROKER=on, so that no sidecar needs client-secret");
	c->relay_master_key = s->relay.master_keys.count > 0 ? s->relay.master_keys.keys[0] : NULL;
	c->derive_relay_key = relay_derive_key;
}

void
settings_check_container(struct settings_check *check)
{
	struct settings *s = check->s;
	struct container_settings *c = &s->container;

	check_limit(check->problems, VAR("INJECT_CPU_REQUEST"), c->cpu_request, c->cpu_limit);
	check_limit(check->problems, VAR("INJECT_MEMORY_REQUEST"), c->memory_request,
		    c->memory_limit);
	c->gitlab_url = text_of(s, &s->auth.gitlab_url);
	c->gitlab = &s->auth.gitlab_url;
	c->gitlab_ssh = s->clone.gitlab_ssh;
	c->gitlab_ssh_text = format(s, settings_format_git_ssh, &s->clone.gitlab_ssh);
	c->gitlab_api_url = text_of(s, &s->auth.gitlab_api_url);
	c->relay_url = text_of(s, &s->auth.relay_url);
	c->client_id = s->auth.client_id;
	c->authorization = format(s, settings_format_authorization, &s->auth.modes);
	if (s->auth.port_sharing_max != AUTH_AUDIENCE_OWNER)
		c->port_sharing_max = auth_audience_name(s->auth.port_sharing_max);
	c->port_sharing_allowed = format(s, format_allowed_audiences, &s->auth.port_sharing_max);
	c->needs_workspace_id = (s->auth.modes & AUTH_MODE_WORKSPACE) != 0;
	c->needs_project = (s->auth.modes & AUTH_MODE_PROJECT) != 0;
	c->needs_owner_id = (s->auth.modes & AUTH_MODE_OWNER) != 0;
	c->needs_group = (s->auth.modes & AUTH_MODE_GROUP) != 0;
	c->needs_users = (s->auth.modes & AUTH_MODE_USERS) != 0;
	c->has_broker = s->auth.broker;
	if (c->relay_url != NULL)
		c->secret_keys |= CONTAINER_KEY_RELAY_KEY;
	if (c->has_broker)
		c->secret_keys &= ~(unsigned)CONTAINER_KEY_CLIENT_SECRET;
	if (c->has_broker && c->relay_url == NULL)
		conf_problem(check->problems, VAR("RELAY_URL"), "needed with BROKER, but not set");
	c->tls_cert_file = s->tls.cert_file;
	c->tls_key_file = s->tls.key_file;
	c->drain_timeout_ms = s->drain_timeout_ms;
	c->drain_delay_ms = s->drain_delay_ms;
	c->sandbox = s->sandbox;
	if (c->secrets == CONTAINER_SECRETS_CREATE)
		check_secrets(check);
}

/* Returns a variable that Kubernetes sets in every container, or an empty view. */
static struct str
cluster_variable(const struct settings_check *c, struct str name)
{
	for (char **entry = c->environment; *entry != NULL; entry++) {
		struct str variable = str_from(*entry);
		size_t equals = str_find_byte(variable, '=');
		if (equals != SIZE_MAX && str_equal(str_take(variable, equals), name))
			return str_skip(variable, equals + 1);
	}
	return STR_NONE;
}

static const char *
cluster_url(struct settings_check *check)
{
	struct container_settings *c = &check->s->container;
	struct str host = cluster_variable(check, STR("KUBERNETES_SERVICE_HOST"));
	struct str port = cluster_variable(check, STR("KUBERNETES_SERVICE_PORT"));
	bool is_v6 = str_find_byte(host, ':') != SIZE_MAX;

	if (!str_is_empty(c->cluster.host))
		return url_origin(&c->cluster, &check->s->arena);
	if (host.len == 0 || port.len == 0)
		return NULL;
	return arena_printf(&check->s->arena, "https://%s%.*s%s:%.*s", is_v6 ? "[" : "",
			    STR_FMT(host), is_v6 ? "]" : "", STR_FMT(port));
}

static void
check_own_certificate(struct settings_check *check)
{
	if (settings_check_is_given(check, "TLS_CERT_FILE") ||
	    settings_check_is_given(check, "TLS_KEY_FILE"))
		conf_problem(check->problems, VAR("WEBHOOK_SERVICE"),
			     "can't be combined with TLS_CERT_FILE and TLS_KEY_FILE: the webhook "
			     "makes its own certificate for the service");
}

/* For settings that need the API server. */
static void
check_cluster(struct settings_check *check, const char *setting)
{
	struct container_settings *c = &check->s->container;

	if (!str_is_empty(c->cluster.host) && !str_equal(c->cluster.scheme, STR("https")))
		conf_problem(check->problems, VAR("WEBHOOK_API_URL"),
			     "expected an https URL: the service account's token is sent to it");
	c->cluster_url = cluster_url(check);
	if (c->cluster_url == NULL && !settings_check_is_reported(check, "WEBHOOK_API_URL"))
		conf_problem(check->problems, VAR("WEBHOOK_API_URL"),
			     "needed by %s outside of a cluster, which would set "
			     "KUBERNETES_SERVICE_HOST",
			     setting);
}

void
settings_check_webhook(struct settings_check *c)
{
	if (c->s->container.webhook_service != NULL)
		check_cluster(c, "WEBHOOK_SERVICE");
	else if (c->s->container.namespace_config_map != NULL)
		check_cluster(c, "WEBHOOK_NAMESPACE_CONFIG_MAP");
	else if (c->s->container.secrets == CONTAINER_SECRETS_CREATE)
		check_cluster(c, "INJECT_SECRETS");
	if (c->s->container.webhook_service != NULL)
		check_own_certificate(c);
	else if (!settings_check_is_given(c, "TLS_CERT_FILE") &&
		 !settings_check_is_given(c, "TLS_KEY_FILE") &&
		 !settings_check_is_reported(c, "WEBHOOK_SERVICE"))
		conf_problem(c->problems, VAR("TLS_CERT_FILE"),
			     "needed by the webhook together with TLS_KEY_FILE, but not set; or "
			     "set WEBHOOK_SERVICE");
	settings_check_tls(c);
	if (!address_is_set(&c->s->container.webhook_address) &&
	    !settings_check_is_reported(c, "WEBHOOK_ADDRESS"))
		conf_problem(c->problems, VAR("WEBHOOK_ADDRESS"), "required by the webhook");
}
