/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What must hold between settings, and what follows from one for another.
 *
 * Runs after loading, also when that found problems: a setting that did not load is skipped here,
 * so that one mistake is reported once. "Is it given" therefore asks the environment, not the
 * field.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/tls.h"
#include "clone/credential.h"
#include "proxy/settings_parse.h"
#include "proxy/settings_table.h"

#define VAR(name) SETTINGS_PREFIX name

struct check {
	struct settings *s;
	char **environment;
	struct conf_problems *problems;
};

static bool
is_given(const struct check *c, const char *name)
{
	return conf_is_set(&settings_table, c->environment, name);
}

/* Whether a problem of this setting, in any of its forms, is known already. */
static bool
is_reported(const struct check *c, const char *name)
{
	for (size_t i = 0; i < c->problems->count && i < CONF_PROBLEMS_MAX; i++) {
		struct str text = str_from(c->problems->items[i].text);
		struct str variable = str_take(text, str_find_byte(text, ':'));
		if (str_find(variable, str_from(name)) != SIZE_MAX)
			return true;
	}
	return false;
}

static bool
has_url(const struct url *u)
{
	return !str_is_empty(u->host);
}

static const char *
origin_of(struct check *c, const struct url *u)
{
	const char *origin = url_origin(u, &c->s->arena);
	return origin == NULL ? "" : origin;
}

/* Names that never leave the machine (RFC 6761 section 6.3), and its own addresses. */
static bool
is_loopback(const struct url *u)
{
	struct address address;
	char ip[ADDRESS_TEXT_MAX];
	if (str_equal(u->host, STR("localhost")) || str_ends_with(u->host, STR(".localhost")))
		return true;
	if (!address_from_host(&address, u->host, u->port, NULL))
		return false;
	address_format_ip(&address, ip, sizeof(ip));
	return strncmp(ip, "127.", 4) == 0 || strcmp(ip, "::1") == 0;
}

/* True when the file can be read. */
static bool
check_file(struct check *c, const char *variable, const char *path)
{
	struct stat st;
	if (path == NULL)
		return false;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0) {
		conf_problem(c->problems, variable, "got \"%s\": %s; expected a readable file",
			     path, strerror(errno));
		return false;
	}
	bool ok = fstat(fd, &st) == 0 && S_ISREG(st.st_mode);
	if (!ok)
		conf_problem(c->problems, variable,
			     "got \"%s\": it is no regular file; expected a readable file", path);
	(void)close(fd);
	return ok;
}

static void
check_tls(struct check *c)
{
	const struct settings *s = c->s;
	struct err e = ERR_INIT;
	bool cert = is_given(c, "TLS_CERT_FILE");
	bool key = is_given(c, "TLS_KEY_FILE");

	if (cert && !key)
		conf_problem(c->problems, VAR("TLS_KEY_FILE"),
			     "needed together with TLS_CERT_FILE, and not set");
	if (key && !cert)
		conf_problem(c->problems, VAR("TLS_CERT_FILE"),
			     "needed together with TLS_KEY_FILE, and not set");
	bool readable = check_file(c, VAR("TLS_CERT_FILE"), s->tls_cert_file);
	readable = check_file(c, VAR("TLS_KEY_FILE"), s->tls_key_file) && readable;
	if (!readable)
		return;
	struct tls_context *tls = tls_context_new(s->tls_cert_file, s->tls_key_file, &e);
	if (tls == NULL)
		conf_problem(c->problems, VAR("TLS_CERT_FILE"), "%s", e.text);
	tls_context_free(tls);
}

static void
check_listeners(struct check *c)
{
	struct settings *s = c->s;
	bool files = is_given(c, "TLS_CERT_FILE") || is_given(c, "TLS_KEY_FILE");

	if (!files && address_is_set(&s->https_address)) {
		if (is_given(c, "HTTPS_ADDRESS"))
			conf_problem(c->problems, VAR("HTTPS_ADDRESS"),
				     "needs TLS_CERT_FILE and TLS_KEY_FILE, which are not set");
		s->https_address = (struct address){.len = 0};
	}
	if (!address_is_set(&s->https_address) && !address_is_set(&s->http_address) &&
	    !is_reported(c, "HTTPS_ADDRESS") && !is_reported(c, "HTTP_ADDRESS") &&
	    !is_reported(c, "TLS_CERT_FILE") && !is_reported(c, "TLS_KEY_FILE"))
		conf_problem(c->problems, VAR("HTTPS_ADDRESS"),
			     "no public listener; expected TLS_CERT_FILE and TLS_KEY_FILE for one "
			     "with TLS, or HTTP_ADDRESS for one behind an ingress");
}

struct listener {
	const char *variable;
	const struct address *address;
};

/* Whether both would bind the same: equal, or one port with one of them on all addresses. */
static bool
is_clash(const struct address *a, const struct address *b)
{
	char ip_a[ADDRESS_TEXT_MAX];
	char ip_b[ADDRESS_TEXT_MAX];
	if (!address_is_set(a) || !address_is_set(b) || address_is_unix(a) != address_is_unix(b))
		return false;
	if (address_is_unix(a)) {
		address_format(a, ip_a, sizeof(ip_a));
		address_format(b, ip_b, sizeof(ip_b));
		return strcmp(ip_a, ip_b) == 0;
	}
	if (address_port(a) == 0 || address_port(a) != address_port(b))
		return false;
	address_format_ip(a, ip_a, sizeof(ip_a));
	address_format_ip(b, ip_b, sizeof(ip_b));
	return strcmp(ip_a, ip_b) == 0 || strcmp(ip_a, "::") == 0 || strcmp(ip_b, "::") == 0 ||
	       strcmp(ip_a, "0.0.0.0") == 0 || strcmp(ip_b, "0.0.0.0") == 0;
}

static void
check_clashes(struct check *c)
{
	const struct settings *s = c->s;
	const struct listener all[] = {
		{VAR("HTTPS_ADDRESS"), &s->https_address},
		{VAR("HTTP_ADDRESS"), &s->http_address},
		{VAR("ADMIN_ADDRESS"), &s->admin_address},
	};
	char text[ADDRESS_TEXT_MAX];

	for (size_t i = 0; i < 3; i++) {
		address_format(all[i].address, text, sizeof(text));
		for (size_t j = 0; j < i; j++)
			if (is_clash(all[i].address, all[j].address))
				conf_problem(c->problems, all[i].variable,
					     "\"%s\" is in the way of %s; expected another port",
					     text, all[j].variable);
		if (is_clash(all[i].address, &s->upstream))
			conf_problem(c->problems, VAR("UPSTREAM"),
				     "it is our own %s; expected where the IDE listens",
				     all[i].variable);
	}
}

static void
check_proxies(struct check *c)
{
	if (c->s->proxy_protocol && c->s->trusted_proxies.count == 0)
		conf_problem(c->problems, VAR("PROXY_PROTOCOL"),
			     "needs " VAR("TRUSTED_PROXY_IPS") ": whose PROXY header is believed");
}

static void
check_external_url(struct check *c)
{
	struct url *u = &c->s->auth.external_url;
	if (!has_url(u))
		return;
	if (!str_equal(u->scheme, STR("https")))
		conf_problem(c->problems, VAR("EXTERNAL_URL"),
			     "got \"%s\"; expected https: the cookies that we set work with "
			     "nothing else",
			     origin_of(c, u));
	if (u->path.len > 1 || !str_is_empty(u->query))
		conf_problem(c->problems, VAR("EXTERNAL_URL"),
			     "got \"%s%.*s%s\"; expected an origin without path and query, "
			     "such as \"%s\"",
			     origin_of(c, u), STR_FMT(u->path), str_is_empty(u->query) ? "" : "?…",
			     origin_of(c, u));
	u->path = STR_NONE;
}

/* A base that paths are appended to: neither a query nor a '/' at its end. */
static void
check_gitlab_base(struct check *c, const char *variable, struct url *u)
{
	if (!has_url(u))
		return;
	if (!str_is_empty(u->query))
		conf_problem(c->problems, variable, "a query has no place in it");
	while (str_ends_with(u->path, STR("/")))
		u->path.len--;
}

/*
 * Login pages, codes and tokens pass through this URL, in the browser's network too, so plain http
 * is for development: loopback, and ".test", which no public name server knows (RFC 6761 section
 * 6.2). The API's URL is the cluster's own affair, where a mesh may encrypt: there we only warn.
 */
static void
check_gitlab_http(struct check *c)
{
	const struct url *u = &c->s->auth.gitlab_url;
	const struct url *api = &c->s->auth.gitlab_api_url;
	if (has_url(u) && str_equal(u->scheme, STR("http")) && !is_loopback(u)) {
		if (str_ends_with(u->host, STR(".test")))
			conf_note(c->problems, VAR("GITLAB_URL"),
				  "plain http: tokens travel in the clear");
		else
			conf_problem(c->problems, VAR("GITLAB_URL"),
				     "got \"%s\"; expected https: http is for loopback and .test "
				     "hosts only, as tokens would travel in the clear",
				     origin_of(c, u));
	}
	if (has_url(api) && str_equal(api->scheme, STR("http")) && !is_loopback(api))
		conf_note(c->problems, VAR("GITLAB_API_URL"),
			  "plain http: tokens travel in the clear unless the cluster encrypts");
}

static void
check_authorities(struct check *c)
{
	const char *file = c->s->gitlab_ca_file;
	struct err e = ERR_INIT;

	if (check_file(c, VAR("GITLAB_CA_FILE"), file) && !tls_check_authorities(file, &e))
		conf_problem(c->problems, VAR("GITLAB_CA_FILE"),
			     "%s; expected at least one certificate in PEM form", e.text);
}

static void
check_gitlab(struct check *c)
{
	check_gitlab_base(c, VAR("GITLAB_URL"), &c->s->auth.gitlab_url);
	check_gitlab_base(c, VAR("GITLAB_API_URL"), &c->s->auth.gitlab_api_url);
	check_gitlab_http(c);
	check_authorities(c);
}

static void
check_relay_url(struct check *c)
{
	struct url *u = &c->s->auth.relay_url;
	if (!has_url(u))
		return;
	if (!str_equal(u->scheme, STR("https")))
		conf_problem(c->problems, VAR("RELAY_URL"), "got \"%s…\"; expected https",
			     origin_of(c, u));
	if (!str_is_empty(u->query))
		conf_problem(c->problems, VAR("RELAY_URL"), "a query has no place in it");
	while (str_ends_with(u->path, STR("/")))
		u->path.len--;
	if (u->path.len > 0 && !settings_is_plain_path(u->path))
		conf_problem(c->problems, VAR("RELAY_URL"),
			     "got the path \"%.*s\"; expected letters, digits and -._~ in it",
			     STR_FMT(u->path));
}

/* What a sidecar needs of the relay, and what it must not have. */
static void
check_relay_use(struct check *c)
{
	const struct auth_settings *a = &c->s->auth;
	bool has_relay = is_given(c, "RELAY_URL");
	bool has_key = is_given(c, "RELAY_KEY");

	check_relay_url(c);
	if (has_relay && !has_key)
		conf_problem(c->problems, VAR("RELAY_KEY"), "needed with RELAY_URL, and not set");
	if (has_key && !has_relay)
		conf_problem(c->problems, VAR("RELAY_URL"), "needed with RELAY_KEY, and not set");
	if (is_given(c, "RELAY_MASTER_KEY"))
		conf_problem(c->problems, VAR("RELAY_MASTER_KEY"),
			     "it opens every workspace and belongs to the relay alone; expected "
			     "RELAY_KEY here");
	if (has_url(&a->relay_url) && has_url(&a->external_url) &&
	    str_equal(a->relay_url.host, a->external_url.host))
		conf_problem(c->problems, VAR("RELAY_URL"),
			     "it is the workspace's own host; expected the relay's");
}

static void
check_relay(struct check *c)
{
	struct settings *s = c->s;
	static const char *const needed[] = {"RELAY_URL", "RELAY_MASTER_KEY", "RELAY_ZONES"};
	static const char *const variables[] = {VAR("RELAY_URL"), VAR("RELAY_MASTER_KEY"),
						VAR("RELAY_ZONES")};

	check_relay_url(c);
	for (size_t i = 0; i < sizeof(needed) / sizeof(needed[0]); i++)
		if (!is_given(c, needed[i]))
			conf_problem(c->problems, variables[i], "needed by the relay, and not set");
	s->relay.url = s->auth.relay_url;
	s->relay.gitlab_url = s->auth.gitlab_url;
	s->relay.client_id = s->auth.client_id;
	s->relay.scope = s->auth.scope;
}

/* GitLab compares it with what the relay asked with. */
static void
check_relayed_redirect(struct check *c)
{
	const struct url *u = &c->s->auth.redirect_url;
	const struct url *relay = &c->s->auth.relay_url;
	const char *path = arena_printf(&c->s->arena, "%.*s/callback", STR_FMT(relay->path));

	if (path == NULL || (url_is_same_origin(u, relay) && str_equal(u->path, str_from(path)) &&
			     str_is_empty(u->query)))
		return;
	conf_problem(c->problems, VAR("REDIRECT_URL"),
		     "not the relay's; expected \"%s%s\", or nothing", origin_of(c, relay), path);
}

static void
check_redirect_url(struct check *c)
{
	const struct auth_settings *a = &c->s->auth;
	const struct url *u = &a->redirect_url;
	if (!has_url(u) || a->prefix == NULL)
		return;
	if (has_url(&a->relay_url)) {
		check_relayed_redirect(c);
		return;
	}
	const char *path = arena_printf(&c->s->arena, "%s/callback", a->prefix);
	if (path == NULL)
		return;
	if (!str_equal(u->scheme, STR("https")))
		conf_problem(c->problems, VAR("REDIRECT_URL"), "got \"%s…\"; expected https",
			     origin_of(c, u));
	if (!str_is_empty(u->query))
		conf_problem(c->problems, VAR("REDIRECT_URL"), "a query has no place in it");
	if (!has_url(&a->external_url))
		return;
	if (!url_is_same_origin(u, &a->external_url))
		conf_note(c->problems, VAR("REDIRECT_URL"),
			  "not at EXTERNAL_URL: whoever answers there must send browsers on to "
			  "%s%s",
			  origin_of(c, &a->external_url), path);
	else if (!str_equal(u->path, str_from(path)))
		conf_problem(c->problems, VAR("REDIRECT_URL"),
			     "got the path \"%.*s\"; expected \"%s\": no login would ever finish",
			     STR_FMT(u->path), path);
}

static void
check_needed(struct check *c, unsigned mode, const char *name, const char *variable,
	     const char *mode_name)
{
	if ((c->s->auth.modes & mode) != 0 && !is_given(c, name))
		conf_problem(c->problems, variable, "needed by AUTHORIZATION mode %s, and not set",
			     mode_name);
}

static bool
has_scope(const char *scopes, struct str wanted)
{
	struct str rest = str_from(scopes);
	struct str part;
	while (str_next(&rest, ' ', &part))
		if (str_equal(part, wanted))
			return true;
	return false;
}

static void
check_authorization(struct check *c)
{
	struct auth_settings *a = &c->s->auth;
	check_needed(c, AUTH_MODE_WORKSPACE, "WORKSPACE_ID", VAR("WORKSPACE_ID"), "workspace");
	check_needed(c, AUTH_MODE_PROJECT, "PROJECT", VAR("PROJECT"), "project");
	check_needed(c, AUTH_MODE_OWNER, "OWNER_ID", VAR("OWNER_ID"), "owner");
	if ((a->modes & (AUTH_MODE_WORKSPACE | AUTH_MODE_PROJECT)) != 0 && a->scope != NULL &&
	    !has_scope(a->scope, STR("read_api")) && !has_scope(a->scope, STR("api")))
		conf_note(c->problems, VAR("SCOPE"),
			  "without read_api GitLab may not answer what authorization asks");
	if (a->cookie_expire_ms == 0 || a->session_idle_ms <= a->cookie_expire_ms)
		return;
	if (!is_given(c, "SESSION_IDLE")) /* a default never contradicts what was given */
		a->session_idle_ms = a->cookie_expire_ms;
	else
		conf_problem(c->problems, VAR("SESSION_IDLE"),
			     "got %" PRIu64
			     "s, longer than COOKIE_EXPIRE; expected at most %" PRIu64 "s",
			     a->session_idle_ms / 1000, a->cookie_expire_ms / 1000);
}

static bool
is_allowed_origin(struct check *c)
{
	const struct clone_origins *origins = &c->s->clone.origins;

	for (size_t i = 0; i < origins->count; i++) {
		if (url_is_same_origin(&c->s->clone.url, &origins->items[i]))
			return true;
	}
	return false;
}

/* Sets the origin that credentials go to: GitLab's as browsers see it, or as the pod reaches it. */
static void
check_clone_origin(struct check *c)
{
	const struct url *u = &c->s->clone.url;
	const struct url *gitlab = &c->s->auth.gitlab_url;
	const struct url *api = &c->s->auth.gitlab_api_url;

	c->s->clone.gitlab_url = *gitlab;
	if (!has_url(gitlab) && !is_given(c, "GITLAB_URL")) {
		c->s->clone.gitlab_url = *u;
		c->s->clone.gitlab_url.path = STR_NONE;
		if (str_equal(u->scheme, STR("http")) && !is_loopback(u) && !is_allowed_origin(c))
			conf_problem(c->problems, VAR("CLONE_URL"), "got \"%s…\"; expected https",
				     origin_of(c, u));
	} else if (has_url(api) && url_is_same_origin(u, api)) {
		c->s->clone.gitlab_url = *api;
	} else if (has_url(gitlab) && !url_is_same_origin(u, gitlab) && !is_allowed_origin(c)) {
		conf_problem(c->problems, VAR("CLONE_URL"),
			     "got \"%s…\"; expected the origin of GITLAB_URL, \"%s\", or one of "
			     "CLONE_ORIGINS",
			     origin_of(c, u), origin_of(c, gitlab));
	}
}

static void
check_state_dir(struct check *c)
{
	const char *path = c->s->auth.state_dir;
	struct stat st;

	if (path == NULL)
		return;
	if (stat(path, &st) != 0)
		conf_problem(c->problems, VAR("STATE_DIR"),
			     "got \"%s\": %s; expected an existing directory", path,
			     strerror(errno));
	else if (!S_ISDIR(st.st_mode))
		conf_problem(c->problems, VAR("STATE_DIR"),
			     "got \"%s\": it is no directory; expected one", path);
	else if (access(path, W_OK | X_OK) != 0)
		conf_problem(c->problems, VAR("STATE_DIR"),
			     "got \"%s\": %s; expected a directory to write to", path,
			     strerror(errno));
}

#define SOCKET_PATH_MAX (sizeof(((struct sockaddr_un *)NULL)->sun_path) - 1)

/* A long STATE_DIR has always been fine: it has no socket then. */
static void
set_credential_socket(struct check *c)
{
	struct settings *s = c->s;
	const char *path;

	if (s->credential_socket != NULL && strcmp(s->credential_socket, "off") == 0)
		s->credential_socket = NULL;
	if (s->auth.state_dir == NULL || is_given(c, "CREDENTIAL_SOCKET"))
		return;
	path = arena_printf(&s->arena, "%s/" CREDENTIAL_SOCKET_NAME, s->auth.state_dir);
	if (path != NULL && strlen(path) <= SOCKET_PATH_MAX)
		s->credential_socket = path;
	else
		conf_note(c->problems, VAR("STATE_DIR"),
			  "too long a path for git's credential socket: set CREDENTIAL_SOCKET");
}

static void
check_credential_socket(struct check *c)
{
	const char *path = c->s->credential_socket;
	size_t len = path == NULL ? 0 : strlen(path);
	const char *directory;
	struct stat st;

	if (path == NULL || !is_given(c, "CREDENTIAL_SOCKET"))
		return;
	if (len > SOCKET_PATH_MAX)
		conf_problem(c->problems, VAR("CREDENTIAL_SOCKET"),
			     "got %zu bytes; expected at most %zu", len, SOCKET_PATH_MAX);
	directory = arena_printf(&c->s->arena, "%.*s/", (int)(strrchr(path, '/') - path), path);
	if (directory == NULL)
		return;
	if (stat(directory, &st) != 0)
		conf_problem(c->problems, VAR("CREDENTIAL_SOCKET"),
			     "got \"%s\": %s; expected a path in an existing directory", path,
			     strerror(errno));
	else if (access(directory, W_OK | X_OK) != 0)
		conf_problem(c->problems, VAR("CREDENTIAL_SOCKET"),
			     "got \"%s\": %s; expected a directory to write to", path,
			     strerror(errno));
}

/* As this program is found here; elsewhere it may lie elsewhere. */
static void
set_credential_helper(struct check *c)
{
	struct settings *s = c->s;
	char program[4096];
	ssize_t len;
	struct buf text;

	if (s->clone.helper != NULL || s->credential_socket == NULL) {
		if (s->clone.helper != NULL && strcmp(s->clone.helper, "off") == 0)
			s->clone.helper = NULL;
		return;
	}
	len = readlink("/proc/self/exe", program, sizeof(program));
	if (len <= 0 || (size_t)len == sizeof(program))
		return;
	buf_init(&text, 2 * sizeof(program));
	if (credential_add_command(&text, (struct str){program, (size_t)len},
				   str_from(s->credential_socket)))
		s->clone.helper = arena_printf(&s->arena, "%.*s", STR_FMT(buf_view(&text)));
	buf_fini(&text);
}

static void
check_credential(struct check *c, enum settings_scope scope)
{
	if (!is_given(c, "CREDENTIAL_UID"))
		c->s->credential_uid = geteuid();
	set_credential_socket(c);
	if (scope == SETTINGS_SERVE)
		check_credential_socket(c);
	set_credential_helper(c);
}

static void
check_clone(struct check *c, enum settings_scope scope)
{
	struct clone_settings *clone = &c->s->clone;
	clone->ca_file = c->s->gitlab_ca_file;

	if (scope == SETTINGS_CLONE && !is_given(c, "CLONE_URL"))
		conf_problem(c->problems, VAR("CLONE_URL"), "needed to clone, and not set");
	if (is_given(c, "CLONE_URL") && !is_given(c, "CLONE_DIR"))
		conf_problem(c->problems, VAR("CLONE_DIR"), "needed with CLONE_URL, and not set");
	if (clone->dir != NULL && strspn(clone->dir, "/") == strlen(clone->dir))
		conf_problem(c->problems, VAR("CLONE_DIR"),
			     "got \"%s\"; expected a directory below the root", clone->dir);
	if (!has_url(&clone->url))
		return;
	if (clone->url.path.len <= 1)
		conf_problem(c->problems, VAR("CLONE_URL"),
			     "it has no path; expected the URL of a repository");
	if (!str_is_empty(clone->url.query))
		conf_problem(c->problems, VAR("CLONE_URL"), "a query has no place in it");
	check_clone_origin(c);
}

static void
check_webhook(struct check *c)
{
	if (!is_given(c, "TLS_CERT_FILE") && !is_given(c, "TLS_KEY_FILE"))
		conf_problem(c->problems, VAR("TLS_CERT_FILE"),
			     "needed by the webhook together with TLS_KEY_FILE, and not set");
	check_tls(c);
	if (!address_is_set(&c->s->container.webhook_address) && !is_reported(c, "WEBHOOK_ADDRESS"))
		conf_problem(c->problems, VAR("WEBHOOK_ADDRESS"), "there is no webhook without it");
}

void
settings_check(struct settings *s, char **environment, enum settings_scope scope,
	       struct conf_problems *problems)
{
	struct check c = {s, environment, problems};

	if (scope == SETTINGS_RELAY_KEY) {
		if (!is_given(&c, "RELAY_MASTER_KEY"))
			conf_problem(problems, VAR("RELAY_MASTER_KEY"),
				     "needed to derive keys, and not set");
		return;
	}
	check_gitlab(&c);
	if (scope == SETTINGS_RELAY) {
		check_relay(&c);
		check_proxies(&c);
		check_tls(&c);
		check_listeners(&c);
		check_clashes(&c);
		return;
	}
	if (scope == SETTINGS_INJECT || scope == SETTINGS_WEBHOOK) {
		check_relay_url(&c);
		if (scope == SETTINGS_WEBHOOK)
			check_webhook(&c);
		settings_check_container(s, problems);
		return;
	}
	check_credential(&c, scope);
	check_clone(&c, scope);
	if (scope == SETTINGS_CLONE)
		return;
	check_proxies(&c);
	check_external_url(&c);
	check_tls(&c);
	check_state_dir(&c);
	check_listeners(&c);
	check_clashes(&c);
	settings_check_ports(s, problems);
	check_relay_use(&c);
	check_redirect_url(&c);
	check_authorization(&c);
}
