/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Parts are created in the order of their dependencies and freed in reverse order.
 */
#include "proxy/serve.h"

#include <stdlib.h>
#include <unistd.h>

#include "base/crypto/crypto.h"
#include "base/log/log_record.h"
#include "base/log/log_ring.h"
#include "base/process/orphans.h"
#include "base/process/trim_code.h"
#include "proxy/admin.h"
#include "proxy/git_credential_server.h"
#include "proxy/gitlab_clients.h"
#include "proxy/lifecycle.h"
#include "proxy/proxy.h"
#include "proxy/reload.h"
#include "proxy/ssh/ssh_probe.h"

#define NAME_TIMEOUT_MS	 5000u
#define NAME_INTERVAL_MS 30000u
#define NAME_RETRY_MS	 2000u
#define NAME_STALE_MS	 300000u
#define TRIM_CODE_MS	 10000u /* after the start: when browsers that waited for it were served */

struct serve {
	struct proxy proxy;
	bool is_relay;
	struct lifecycle lifecycle;
	struct arena arena;	   /* owns strings of proxy */
	struct settings *settings; /* reload replaces their secrets; const in proxy */
	struct reload reload;
	struct tls_context *tls_client; /* for https upstreams; NULL: there are none */
	struct gitlab_clients clients;
	struct service *admin;
	struct git_credential_server *credentials; /* NULL: no socket */
	struct ssh_server ssh_server;
	struct loop_defer flush_log;
	struct loop_timer trim_code;
	struct orphans orphans;
};

static bool
needs_tls_client(const struct settings *settings)
{
	const struct ports *ports = &settings->auth.ports;
	bool needs = settings->upstream.is_https;

	for (size_t i = 0; i < ports->count; i++)
		needs |= ports->ranges[i].is_https;
	return needs;
}

/* Creates the IDE's connection pool, and port_upstreams, which creates those of ports. */
static bool
make_upstreams(struct serve *s, struct err *e)
{
	struct proxy *p = &s->proxy;
	const struct settings *settings = p->settings;
	struct upstream_options options = {
		.addresses = {settings->upstream.addresses[0], settings->upstream.addresses[1]},
		.addresses_count = settings->upstream.count,
		.name = {.host = settings->upstream.name,
			 .port = settings->upstream.port,
			 .allowed = &settings->upstream_hosts.addresses,
			 .timeout_ms = NAME_TIMEOUT_MS,
			 .interval_ms = NAME_INTERVAL_MS,
			 .retry_ms = NAME_RETRY_MS,
			 .stale_ms = NAME_STALE_MS},
		.limits = {.head_max_bytes = settings->response_head_max_bytes,
			   .headers_max = settings->response_headers_max},
		.connect_timeout_ms = settings->upstream_connect_timeout_ms,
		.response_timeout_ms = settings->upstream_response_timeout_ms,
		.stream_timeout_ms = settings->stream_timeout_ms,
		.idle_timeout_ms = settings->upstream_idle_timeout_ms,
	};

	if (needs_tls_client(settings)) {
		s->tls_client = tls_client_context_new(e);
		if (s->tls_client == NULL)
			return false;
		options.tls = settings->upstream.is_https ? s->tls_client : NULL;
	}
	p->upstream = upstream_new(p->loop, &p->deferred_frees, &options, e);
	if (p->upstream == NULL || p->ports == NULL)
		return p->upstream != NULL;
	options.name.host = NULL;
	options.tls = s->tls_client;
	p->port_upstreams = port_upstreams_new(p->loop, &p->deferred_frees, &options, p->ports, e);
	return p->port_upstreams != NULL;
}

/* The host of the workspace may begin with a port itself: GitLab names IDEs "<port>-<name>". */
static void
set_port_names(struct proxy *p, const struct ports *ports)
{
	uint16_t port;

	p->ports = ports->count > 0 ? ports : NULL;
	for (size_t i = 0; i < PROXY_HOSTS; i++)
		if (!ports_split_host(p->hosts[i], &port, &p->port_hosts[i]))
			p->port_hosts[i] = p->hosts[i];
}

/* Sets the valid values of Host: with the port as in the public URL, and always with the port. */
static bool
set_names(struct serve *s, struct err *e)
{
	struct proxy *p = &s->proxy;
	const struct settings *settings = p->settings;
	const struct url *url = s->is_relay ? &settings->relay.url : &settings->auth.external_url;
	char *origin = url_origin(url, &s->arena);
	const char *open = url->host_is_ipv6 ? "[" : "";
	const char *close = url->host_is_ipv6 ? "]" : "";
	char *with_port = NULL;

	if (origin != NULL)
		with_port = arena_printf(&s->arena, "%s%.*s%s:%u", open, STR_FMT(url->host), close,
					 url->port);
	if (with_port == NULL)
		return err_set(e, ERR_MEMORY, "out of memory for our names");
	p->origin = str_from(origin);
	p->hosts[0] = str_skip(p->origin, strlen("https://"));
	p->hosts[1] = str_from(with_port);
	if (!s->is_relay)
		set_port_names(p, &settings->auth.ports);
	p->prefix = s->is_relay ? url->path : str_from(settings->auth.prefix);
	return true;
}

static void
set_boot_id(struct proxy *p)
{
	uint8_t random[4];
	struct buf text;

	crypto_random(random, sizeof(random));
	buf_init(&text, sizeof(p->boot_id));
	err_assert(crypto_hex_encode(&text, STR_BYTES(random)));
	memcpy(p->boot_id, text.data, text.len);
	buf_fini(&text);
}

static bool
start_admin(struct serve *s, struct err *e)
{
	char text[ADDRESS_TEXT_MAX];
	const struct address *address = &s->proxy.settings->admin_address;

	if (!address_is_set(address))
		return true;
	s->admin = admin_new(&s->proxy, address, e);
	if (s->admin == NULL)
		return err_wrap(e, "admin listener");
	address_format(service_address(s->admin), text, sizeof(text));
	log_info(NULL, "listening", log_cstr("listener", "admin"), log_cstr("address", text));
	return true;
}

static bool
start_ssh(struct serve *s, struct err *e)
{
	struct proxy *p = &s->proxy;
	const struct settings *settings = p->settings;
	struct ssh_server *server = &s->ssh_server;

	server->uid = settings->credential_uid;
	if (address_is_set(&settings->ssh.socket)) {
		server->address = &settings->ssh.socket;
	} else if (address_is_set(&settings->ssh.upstream)) {
		server->address = &settings->ssh.upstream;
		server->is_sshd = server->answer.is_ok = true;
		server->answer.user = str_from(settings->ssh.upstream_user);
		if (!ssh_key_parse(str_from(settings->ssh.upstream_host_key),
				   &server->answer.host_key, e))
			return false;
	} else {
		return true;
	}
	p->ssh_probe = ssh_probe_new(p->loop, &p->deferred_frees, server, e);
	if (p->ssh_probe == NULL)
		return false;
	ssh_probe_ask(p->ssh_probe);
	return true;
}

static bool
make_sidecar(struct serve *s, struct err *e)
{
	struct proxy *p = &s->proxy;
	const struct settings *settings = p->settings;

	if (!gitlab_clients_start_auth(&s->clients, p, e) || !make_upstreams(s, e))
		return false;
	if (settings->credential_socket != NULL) {
		s->credentials = git_credential_server_new(p, e);
		if (s->credentials == NULL)
			return false;
	}
	return start_ssh(s, e);
}

/* Call it after serve_sandbox_enter: a process in the sandbox can't send signals to a worker
 * outside of it. */
static bool
start_clone(struct serve *s, struct err *e)
{
	struct proxy *p = &s->proxy;
	struct clone *clone = clone_new(p->loop, &p->settings->clone, "/proc/self/exe", e);

	if (clone == NULL)
		return false;
	clone_control_init(&p->clone_control, clone, p->auth);
	start_timeline_watch_clone(&p->ide_status.timeline, clone);
	return true;
}

static bool
is_our_child(pid_t pid, void *arg)
{
	const struct serve *s = arg;
	const struct clone *clone = s->proxy.clone_control.clone;

	return clone != NULL && clone_has_child(clone, pid);
}

/* Reaps orphaned processes, which process 1 inherits. */
static bool
start_orphans(struct serve *s, struct err *e)
{
	return getpid() != 1 || orphans_start(&s->orphans, s->proxy.loop, is_our_child, s, e);
}

/* Records the ports of our listeners. Checks again that none of them is in PORTS, because the
 * kernel may have chosen them. */
static bool
note_own_ports(struct serve *s, struct err *e)
{
	const struct proxy *p = &s->proxy;
	uint16_t *ports = s->proxy.ide_status.own_ports;

	for (size_t i = 0; i < LIFECYCLE_LISTENERS; i++)
		if (s->lifecycle.listeners[i].listen != NULL)
			ports[i] = address_port(listen_address(s->lifecycle.listeners[i].listen));
	if (s->admin != NULL)
		ports[LIFECYCLE_LISTENERS] = address_port(service_address(s->admin));
	for (size_t i = 0; i <= LIFECYCLE_LISTENERS && p->ports != NULL; i++)
		if (ports[i] != 0 && ports_contain(p->ports, ports[i]))
			return err_set(e, ERR_CONFIG,
				       SETTINGS_PREFIX
				       "PORTS: %u is one of the proxy's own listeners",
				       ports[i]);
	return true;
}

static bool
make_tls(struct serve *s, struct err *e)
{
	struct proxy *p = &s->proxy;
	struct settings_tls *tls = &s->settings->tls;

	p->tls = tls->source == SETTINGS_TLS_SELF ? tls_context_new_self(&tls->names, e)
						  : tls->loaded;
	tls->loaded = NULL;
	if (p->tls != NULL && tls->source == SETTINGS_TLS_SELF)
		reload_log_certificate(p, "certificate made");
	if (p->tls != NULL && p->settings->http2)
		tls_context_offer_http2(p->tls);
	return p->tls != NULL;
}

static bool
start(struct serve *s, struct err *e)
{
	struct proxy *p = &s->proxy;
	const struct settings *settings = p->settings;

	p->limits = (struct http1_limits){.head_max_bytes = settings->head_max_bytes,
					  .headers_max = settings->headers_max,
					  .line_max_bytes = settings->uri_max_bytes};
	peers_init(&p->peers);
	metrics_process_init(&p->process);
	set_boot_id(p);
	if (!set_names(s, e))
		return false;
	p->loop = loop_new(e);
	if (p->loop == NULL)
		return false;
	deferred_free_init(&p->deferred_frees, p->loop);
	start_timeline_init(&p->ide_status.timeline);
	port_watch_init(&p->port_watch, p);
	proxy_note_activity(p);
	if (address_is_set(&settings->https_address) && !make_tls(s, e))
		return false;
	p->pages = pages_new(p->prefix, p->hosts[0].data, e);
	if (p->pages == NULL ||
	    !(s->is_relay ? gitlab_clients_start_relay(&s->clients, p, e) : make_sidecar(s, e)))
		return false;
	reload_start(&s->reload, p, s->settings, &s->clients);
	p->reload = &s->reload;
	if (!start_orphans(s, e) || !passed_sockets_receive(&p->sockets, e) || !start_admin(s, e) ||
	    !lifecycle_start(&s->lifecycle, p, e) || !passed_sockets_are_taken(&p->sockets, e) ||
	    !note_own_ports(s, e))
		return false;
	serve_sandbox_enter(p, s->clients.gitlab != NULL);
	if (!s->is_relay && !start_clone(s, e))
		return false;
	start_timeline_note_listening(&p->ide_status.timeline);
	return true;
}

static void
stop(struct serve *s)
{
	struct proxy *p = &s->proxy;

	lifecycle_fini(&s->lifecycle);
	passed_sockets_fini(&p->sockets);
	reload_fini(&s->reload);
	orphans_fini(&s->orphans);
	service_free(s->admin);
	git_credential_server_free(s->credentials);
	start_timeline_fini(&p->ide_status.timeline);
	ide_status_fini(p);
	port_watch_fini(&p->port_watch);
	clone_control_fini(&p->clone_control);
	ssh_probe_free(p->ssh_probe);
	port_upstreams_free(p->port_upstreams);
	upstream_free(p->upstream);
	if (p->loop != NULL)
		deferred_free_fini(&p->deferred_frees);
	auth_free(p->auth);
	broker_free(p->broker);
	relay_free(p->relay);
	pages_free(p->pages);
	gitlab_clients_fini(&s->clients);
	tls_context_free(p->tls);
	tls_context_free(s->tls_client);
	peers_fini(&p->peers);
	loop_free(p->loop);
	arena_fini(&s->arena);
}

static void
on_trim_code(void *arg)
{
	(void)arg;
	(void)trim_code();
}

static void
on_flush_log(void *arg)
{
	(void)arg;
	log_flush();
}

static void
on_log_held(void *arg)
{
	struct serve *s = arg;

	loop_defer_call(&s->flush_log);
}

/* Writes the log lines of an iteration of the event loop with one system call, which saves a
 * considerable part of the CPU time under load. Code that only the start needed is released later,
 * which takes two milliseconds. */
static bool
run(struct serve *s, struct err *e)
{
	loop_defer_init(&s->flush_log, s->proxy.loop, on_flush_log, s);
	log_hold(on_log_held, s);
	loop_timer_init(&s->trim_code, s->proxy.loop, on_trim_code, NULL);
	loop_timer_start(&s->trim_code, TRIM_CODE_MS);
	bool ok = loop_run(s->proxy.loop, e);
	loop_timer_fini(&s->trim_code);
	log_hold(NULL, NULL);
	loop_defer_fini(&s->flush_log);
	return ok;
}

static void
on_log_line(const struct log_record *record, void *arg)
{
	log_ring_add(arg, record);
}

/* Keeps the last log lines for viewers, from the first line on. */
static void
keep_log(struct proxy *p)
{
	p->log_ring = calloc(1, sizeof(*p->log_ring));
	if (p->log_ring != NULL)
		log_observe(on_log_line, p->log_ring);
}

int
serve_run(struct settings *settings, enum settings_command command)
{
	struct serve s = {.proxy = {.settings = settings},
			  .settings = settings,
			  .is_relay = command == SETTINGS_RELAY};
	struct err e = ERR_INIT;

	arena_init(&s.arena, 64u * 1024);
	keep_log(&s.proxy);
	bool ok = start(&s, &e) && run(&s, &e);
	if (ok)
		log_info(NULL, "stopped");
	else
		log_error(NULL, "fatal error", log_err(&e));
	stop(&s);
	log_observe(NULL, NULL);
	free(s.proxy.log_ring);
	return ok ? 0 : 1;
}
