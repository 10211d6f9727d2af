/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Listeners, the count of connections, signals, draining, and the shutdown after IDLE_SHUTDOWN.
 */
#include "proxy/lifecycle.h"

#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>

#include "proxy/downstream/downstream.h"
#include "proxy/downstream/proxy_header.h"
#include "proxy/reload.h"

/* Logs, GitLab, the admin listener, the clone worker's pipes; idle connections to IDE and ports. */
#define SPARE_DESCRIPTORS (160u + UPSTREAM_IDLE_MAX + UPSTREAM_IDLES_MAX)
#define BURST_CONNECTIONS 16u	/* concurrent connections that make malloc_trim worthwhile */
#define RESUME_CHECK_MS	  500u	/* interval of checks for idle connections that may be closed */
#define TRIM_DELAY_MS	  1000u /* until the memory of closed connections is freed */

static const int signal_numbers[LIFECYCLE_SIGNALS] = {SIGTERM, SIGINT, SIGHUP, SIGUSR1};

/* malloc keeps freed memory after a burst of connections: returns it to the system, because a pod
 * is charged for it. */
static void
trim_memory(void *arg)
{
	struct lifecycle *l = arg;

	l->connections_peak = l->proxy->downstreams_count;
	(void)malloc_trim(0);
}

static void
note_peak(struct lifecycle *l)
{
	size_t count = l->proxy->downstreams_count;

	if (count > l->connections_peak)
		l->connections_peak = count;
	if (l->connections_peak >= BURST_CONNECTIONS && count < l->connections_peak / 4 &&
	    !loop_timer_is_running(&l->trim_timer))
		loop_timer_start(&l->trim_timer, TRIM_DELAY_MS);
}

static bool
has_room(const struct proxy *p)
{
	return p->downstreams_count < p->settings->connections_max || downstream_has_idle(p);
}

static void
on_capacity(void *arg)
{
	struct lifecycle *l = arg;
	struct proxy *p = l->proxy;

	if (p->draining) {
		if (p->downstreams_count == 0)
			loop_stop(p->loop);
		return;
	}
	note_peak(l);
	if (!l->is_paused || !has_room(p))
		return;
	l->is_paused = false;
	loop_timer_stop(&l->resume_timer);
	for (size_t i = 0; i < LIFECYCLE_LISTENERS; i++)
		if (l->listeners[i].listen != NULL)
			listen_resume(l->listeners[i].listen);
}

static void
on_resume_timer(void *arg)
{
	struct lifecycle *l = arg;

	loop_timer_start(&l->resume_timer, RESUME_CHECK_MS);
	on_capacity(l);
}

static void
pause_listeners(struct lifecycle *l)
{
	log_warn(NULL, "connection limit reached",
		 log_int("connections", (int64_t)l->proxy->downstreams_count));
	l->is_paused = true;
	loop_timer_start(&l->resume_timer, RESUME_CHECK_MS);
	l->proxy->metrics.limit_reached++;
	for (size_t i = 0; i < LIFECYCLE_LISTENERS; i++)
		if (l->listeners[i].listen != NULL)
			listen_pause(l->listeners[i].listen);
}

static void
on_accept(int fd, const struct address *peer, void *arg)
{
	struct lifecycle_listener *listener = arg;
	struct lifecycle *l = listener->lifecycle;
	const struct settings *settings = l->proxy->settings;

	if (l->proxy->downstreams_count >= settings->connections_max)
		(void)downstream_close_idle(l->proxy);
	l->proxy->metrics.accepted[listener->tls == NULL ? METRICS_HTTP : METRICS_HTTPS]++;
	if (settings->proxy_protocol && cidr_contains(&settings->trusted_proxies, peer))
		proxy_header_start(l->proxy, fd, peer, listener->tls);
	else
		downstream_accept(l->proxy, fd, peer, listener->tls);
	note_peak(l);
	if (!has_room(l->proxy))
		pause_listeners(l);
}

static bool
open_listener(struct lifecycle *l, size_t index, const struct address *address, struct err *e)
{
	struct lifecycle_listener *listener = &l->listeners[index];
	const char *name = index == 0 ? "https" : "http";
	char text[ADDRESS_TEXT_MAX];

	if (!address_is_set(address))
		return true;
	int fd = passed_sockets_take(&l->proxy->sockets, name);
	listener->lifecycle = l;
	listener->tls = index == 0 ? l->proxy->tls : NULL;
	listener->listen = listen_new(l->proxy->loop, address, fd, on_accept, listener, e);
	if (listener->listen == NULL)
		return err_wrap(e, "%s listener", name);
	address_format(listen_address(listener->listen), text, sizeof(text));
	log_info(NULL, "listening", log_cstr("listener", name), log_cstr("address", text));
	return true;
}

static void
end_now(void *arg)
{
	struct lifecycle *l = arg;

	if (l->proxy->downstreams_count > 0)
		log_warn(NULL, "closing connections that remain",
			 log_int("connections", (int64_t)l->proxy->downstreams_count));
	loop_stop(l->proxy->loop);
}

static void
drain(void *arg)
{
	struct lifecycle *l = arg;
	struct proxy *p = l->proxy;

	log_info(NULL, "draining", log_int("connections", (int64_t)p->downstreams_count));
	for (size_t i = 0; i < LIFECYCLE_LISTENERS; i++) {
		listen_free_after_backlog(l->listeners[i].listen);
		l->listeners[i].listen = NULL;
	}
	p->draining = true;
	proxy_header_drain_all(p);
	downstream_drain_all(p);
	on_capacity(l);
}

/* Starts the shutdown. Load balancers need DRAIN_DELAY to notice that we are not ready; it is part
 * of DRAIN_TIMEOUT. */
static void
start_shutdown(struct lifecycle *l)
{
	const struct settings *settings = l->proxy->settings;
	uint64_t delay_ms = settings->drain_delay_ms;

	notify_stopping(&l->notify, settings->drain_timeout_ms);
	l->proxy->is_shutting_down = true;
	loop_timer_stop(&l->idle_timer);
	loop_timer_start(&l->drain_timer, settings->drain_timeout_ms);
	if (delay_ms == 0) {
		drain(l);
		return;
	}
	log_info(NULL, "shutting down", log_ms("delay_ms", (int64_t)delay_ms));
	loop_timer_start(&l->delay_timer, delay_ms);
}

/* Shuts down if IDLE_SHUTDOWN has passed without activity; else starts the timer for the rest. */
static void
on_idle_timer(void *arg)
{
	struct lifecycle *l = arg;
	struct proxy *p = l->proxy;
	uint64_t limit_ms = p->settings->idle_shutdown_ms;

	if (clone_control_is_cloning(&p->clone_control))
		proxy_note_activity(p);
	uint64_t idle_ms = proxy_idle_ms(p);
	if (idle_ms < limit_ms) {
		loop_timer_start(&l->idle_timer, limit_ms - idle_ms);
		return;
	}
	log_info(NULL, "no activity for IDLE_SHUTDOWN, shutting down",
		 log_ms("idle_ms", (int64_t)idle_ms));
	start_shutdown(l);
}

static void
report_ready(struct lifecycle *l)
{
	char status[128];

	(void)snprintf(status, sizeof(status), "Serving %.100s", l->proxy->origin.data);
	notify_ready(&l->notify, status);
}

static void
reload(struct lifecycle *l)
{
	bool is_serving = !l->proxy->is_shutting_down;

	if (is_serving)
		notify_reloading(&l->notify);
	reload_now(l->proxy->reload);
	if (is_serving)
		report_ready(l);
}

static void
toggle_debug(struct lifecycle *l)
{
	bool is_on = log_is_enabled(LOG_DEBUG);
	enum log_level usual = (enum log_level)l->proxy->settings->log_level;
	enum log_level other = usual == LOG_DEBUG ? LOG_INFO : usual;

	log_set_level(LOG_DEBUG);
	log_info(NULL, "debug logging switched", log_bool("on", !is_on));
	log_set_level(is_on ? other : LOG_DEBUG);
}

/* A shutdown after IDLE_SHUTDOWN goes on: running requests keep their time. */
static void
on_first_end_signal(struct lifecycle *l)
{
	l->got_signal = true;
	if (!l->proxy->is_shutting_down)
		start_shutdown(l);
}

static void
on_signal(void *arg, int signal_number)
{
	struct lifecycle *l = arg;

	if (signal_number == SIGHUP)
		reload(l);
	else if (signal_number == SIGUSR1)
		toggle_debug(l);
	else if (l->got_signal)
		end_now(l);
	else
		on_first_end_signal(l);
}

/* Each browser connection may need a second descriptor for its connection to the IDE. */
static void
raise_descriptor_limit(uint64_t connections)
{
	struct rlimit limit;
	rlim_t wanted = (rlim_t)(2 * connections + SPARE_DESCRIPTORS);

	if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= wanted)
		return;
	limit.rlim_cur = wanted < limit.rlim_max ? wanted : limit.rlim_max;
	if (setrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur < wanted)
		log_warn(NULL, "limit of file descriptors is too low for CONNECTIONS_MAX",
			 log_int("descriptors", (int64_t)limit.rlim_cur));
}

/* Serves even if the service manager can't be notified. */
static void
init_notify(struct lifecycle *l)
{
	const struct notify_environment environment = {
		.socket = getenv("NOTIFY_SOCKET"),
		.watchdog_us = getenv("WATCHDOG_USEC"),
		.watchdog_pid = getenv("WATCHDOG_PID"),
	};
	struct err e = ERR_INIT;

	if (!notify_init(&l->notify, l->proxy->loop, &environment, &e))
		log_warn(NULL, "service manager not notified", log_err(&e));
}

bool
lifecycle_start(struct lifecycle *l, struct proxy *p, struct err *e)
{
	*l = (struct lifecycle){.proxy = p};
	p->on_capacity = on_capacity;
	p->on_capacity_arg = l;
	loop_timer_init(&l->delay_timer, p->loop, drain, l);
	loop_timer_init(&l->drain_timer, p->loop, end_now, l);
	loop_timer_init(&l->idle_timer, p->loop, on_idle_timer, l);
	loop_timer_init(&l->resume_timer, p->loop, on_resume_timer, l);
	loop_timer_init(&l->trim_timer, p->loop, trim_memory, l);
	init_notify(l);
	raise_descriptor_limit(p->settings->connections_max);
	for (size_t i = 0; i < LIFECYCLE_SIGNALS; i++)
		if (!loop_signal_init(&l->signals[i], p->loop, signal_numbers[i], on_signal, l, e))
			return false;
	if (!open_listener(l, 0, &p->settings->https_address, e) ||
	    !open_listener(l, 1, &p->settings->http_address, e))
		return false;
	report_ready(l);
	if (p->relay == NULL && p->settings->idle_shutdown_ms > 0)
		loop_timer_start(&l->idle_timer, p->settings->idle_shutdown_ms);
	return true;
}

/* Blocks the handled signals while the process ends: without handlers they would kill it with
 * another exit code. */
static void
ignore_signals(void)
{
	sigset_t all;

	sigemptyset(&all);
	for (size_t i = 0; i < LIFECYCLE_SIGNALS; i++)
		sigaddset(&all, signal_numbers[i]);
	(void)sigprocmask(SIG_BLOCK, &all, NULL);
}

void
lifecycle_fini(struct lifecycle *l)
{
	if (l->proxy == NULL)
		return;
	for (size_t i = 0; i < LIFECYCLE_LISTENERS; i++)
		listen_free(l->listeners[i].listen);
	l->proxy->on_capacity = NULL;
	proxy_header_close_all(l->proxy);
	downstream_close_all(l->proxy);
	ignore_signals();
	for (size_t i = 0; i < LIFECYCLE_SIGNALS; i++)
		loop_signal_fini(&l->signals[i]);
	loop_timer_fini(&l->delay_timer);
	loop_timer_fini(&l->drain_timer);
	loop_timer_fini(&l->idle_timer);
	loop_timer_fini(&l->trim_timer);
	loop_timer_fini(&l->resume_timer);
	notify_fini(&l->notify);
}
