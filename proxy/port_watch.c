/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Usually a scan completes immediately, within STEPS_AT_ONCE steps. A longer scan continues by
 * timer; until its end the previous list is used.
 */
#include "proxy/port_watch.h"

#include <stdio.h>

#include "proxy/proxy.h"

#define INTERVAL_MS   1000u
#define PAUSE_MS      5u /* between two steps */
#define STEPS_AT_ONCE 2u /* usually one for each file */

static const char *const tables[2] = {"/proc/net/tcp", "/proc/net/tcp6"};

/* Sets *wanted to PORTS without the ports of our listeners and of the IDE, which have no host. */
static void
find_wanted(const struct proxy *p, struct port_set *wanted)
{
	const uint16_t *ide_ports = p->settings->auth.ide_ports;

	memset(wanted, 0, sizeof(*wanted));
	port_set_add_ranges(wanted, p->ports);
	for (size_t i = 0; i < IDE_REASON_OWN_MAX; i++)
		port_set_remove(wanted, p->ide_status.own_ports[i]);
	for (size_t i = 0; i < AUTH_IDE_PORTS; i++)
		port_set_remove(wanted, ide_ports[i]);
}

static void
set_list(struct port_watch *w, const struct port_list *list)
{
	if (memcmp(&w->list, list, sizeof(*list)) != 0)
		w->version++;
	w->list = *list;
	w->scanned_ms = loop_now_ms(w->proxy->loop);
}

static void
set_problem(struct port_watch *w, const char *problem)
{
	struct port_list list;

	memset(&list, 0, sizeof(list));
	(void)snprintf(list.problem, sizeof(list.problem), "%s", problem);
	set_list(w, &list);
}

static void
end_scan(struct port_watch *w)
{
	struct port_set wanted;
	struct port_list list;

	find_wanted(w->proxy, &wanted);
	port_scan_list(w->scan, &wanted, &list);
	set_list(w, &list);
	port_scan_free(w->scan);
	w->scan = NULL;
}

static void
on_step(void *arg)
{
	struct port_watch *w = arg;

	if (port_scan_step(w->scan))
		loop_timer_start(&w->timer, PAUSE_MS);
	else
		end_scan(w);
}

static void
begin_scan(struct port_watch *w)
{

	w->scan = port_scan_new(tables);
	if (w->scan == NULL) {
		set_problem(w, "The ports in use can't be listed: the process is out of memory.");
		return;
	}
	bool goes_on = true;
	for (unsigned i = 0; i < STEPS_AT_ONCE && goes_on; i++)
		goes_on = port_scan_step(w->scan);
	if (goes_on) {
		loop_timer_start(&w->timer, PAUSE_MS);
		if (w->scanned_ms == 0)
			set_problem(w, "The ports in use are still being looked up.");
	} else {
		end_scan(w);
	}
}

void
port_watch_init(struct port_watch *w, struct proxy *p)
{
	*w = (struct port_watch){.proxy = p};
	loop_timer_init(&w->timer, p->loop, on_step, w);
}

void
port_watch_fini(struct port_watch *w)
{
	if (w->proxy == NULL)
		return;
	loop_timer_fini(&w->timer);
	port_scan_free(w->scan);
}

const struct port_list *
port_watch_ask(struct port_watch *w)
{
	if (w->proxy->ports == NULL)
		return NULL;
	if (w->scan == NULL &&
	    (w->scanned_ms == 0 || loop_now_ms(w->proxy->loop) - w->scanned_ms >= INTERVAL_MS))
		begin_scan(w);
	return &w->list;
}

unsigned
port_watch_version(const struct port_watch *w)
{
	return w->version + auth_shares_version(w->proxy->auth);
}

/* Describes for users who may open the workspace. A combination of modes admits only users who meet
 * all of them. */
static const char *
name_users(unsigned modes)
{
	if ((modes & (AUTH_MODE_WORKSPACE | AUTH_MODE_OWNER)) != 0)
		return "Only you";
	if (modes == AUTH_MODE_PROJECT)
		return "Members of the project";
	if (modes == AUTH_MODE_GROUP)
		return "Members of the group";
	if (modes == AUTH_MODE_USERS)
		return "Users on the operator's list";
	return "Users of the workspace";
}

const struct page_ports *
port_watch_describe(struct port_watch *w, uint16_t host_port, struct port_watch_page *page)
{
	const struct proxy *p = w->proxy;
	const struct auth_settings *auth = &p->settings->auth;

	if (host_port != 0 || p->ports == NULL)
		return NULL;
	page->ports = (struct page_ports){
		.list = port_watch_ask(w),
		.host = p->port_hosts[0],
		.audience = name_users(auth->modes),
		.has_group = auth->group != NULL,
		.has_users = auth->users != NULL,
		.shares = page->shares,
		.shares_count = auth_shares(p->auth, page->shares),
	};
	for (unsigned i = 0; i < AUTH_AUDIENCES; i++)
		page->ports.may_share_with[i] =
			auth_audience_is_available(auth, (enum auth_audience)i);
	return &page->ports;
}
