/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A short list in the order of ports, and one timer for the share that ends first.
 */
#include "auth/share/port_shares.h"

#include <stdlib.h>

#include "auth/session/session_watch.h"
#include "auth/share/share_file.h"
#include "base/clock.h"
#include "base/log/log.h"

/* Interval for checking the wall clock, which may be set without a timer noticing. */
#define LOOK_MS 30000u

struct port_shares {
	struct port_shares_options options;
	struct port_share_list list;
	size_t count;
	unsigned version;
	struct loop_timer timer;
	struct share_file *file; /* NULL: memory only */
};

static const struct port_share *
first_to_end(const struct port_shares *all)
{
	const struct port_share *first = NULL;
	const struct port_share *p;

	LIST_FOREACH (p, &all->list, entry) {
		if (p->terms.until_ms != 0 &&
		    (first == NULL || p->terms.until_ms < first->terms.until_ms))
			first = p;
	}
	return first;
}

static void
arm_timer(struct port_shares *all)
{
	const struct port_share *p = first_to_end(all);
	int64_t left_ms = p == NULL ? 0 : p->terms.until_ms - clock_wall_ms();

	if (p == NULL)
		loop_timer_stop(&all->timer);
	else if (left_ms <= 0)
		loop_timer_start(&all->timer, 1);
	else
		loop_timer_start(&all->timer, left_ms < LOOK_MS ? (uint64_t)left_ms : LOOK_MS);
}

static void
note_change(struct port_shares *all)
{
	all->version++;
	arm_timer(all);
	share_file_store(all->file, &all->list);
}

/* Fields without a value are left out. */
static void
log_share(const char *what, const struct port_share_terms *terms, const char *by, const char *why)
{
	char until[CLOCK_RFC3339_SIZE] = "";

	if (terms->until_ms != 0)
		clock_format_rfc3339(terms->until_ms, until, sizeof(until));
	struct log_field fields[7] = {
		log_int("port", terms->port),
		log_cstr("audience", auth_audience_name(terms->audience)),
	};
	const struct log_field others[] = {
		log_cstr("with", terms->members),
		log_cstr("until", until),
		log_cstr("user", by),
		log_cstr("reason", why),
	};
	size_t count = 2;

	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		if (others[i].text.len > 0)
			fields[count++] = others[i];
	fields[count] = LOG_END;
	if (log_is_enabled(LOG_INFO))
		log_write(LOG_INFO, NULL, what, fields);
}

/* Ends the share. Unlinks it first, so that callbacks do not find it. */
static void
end_share(struct port_shares *all, struct port_share *p, const char *by, const char *why)
{
	log_share("port no longer shared", &p->terms, by, why);
	LIST_REMOVE(p, entry);
	all->count--;
	p->has_ended = true;
	all->options.ended(p, all->options.arg);
	auth_watches_notify(&p->watches, AUTH_END_UNSHARED);
	port_share_unref(p);
}

static void
on_timer(void *arg)
{
	struct port_shares *all = arg;
	struct port_share *p = LIST_FIRST(&all->list);
	bool has_changed = false;

	while (p != NULL) {
		struct port_share *next = LIST_NEXT(p, entry);

		if (port_share_is_over(p)) {
			end_share(all, p, "", "it has expired");
			has_changed = true;
		}
		p = next;
	}
	if (has_changed)
		note_change(all);
	else
		arm_timer(all);
}

static void
add(struct port_shares *all, struct port_share *p)
{
	struct port_share *before = NULL;
	struct port_share *other;

	LIST_FOREACH (other, &all->list, entry)
		if (other->terms.port < p->terms.port)
			before = other;
	if (before == NULL)
		LIST_INSERT_HEAD(&all->list, p, entry);
	else
		LIST_INSERT_AFTER(before, p, entry);
	all->count++;
}

/* Restores a share of the file if the settings still allow it. No guest has a session yet. */
static void
restore(const struct share_file_entry *stored, void *arg)
{
	struct port_shares *all = arg;
	const struct port_share_terms *terms = &stored->terms;
	const char *refusal = port_share_refusal(all->options.settings, terms);
	struct port_share *p;

	if (refusal != NULL || all->count == AUTH_SHARES_MAX ||
	    port_shares_find(all, terms->port) != NULL) {
		log_share("port no longer shared", terms, "",
			  refusal != NULL ? refusal : "there are too many shares");
		all->version++;
		return;
	}
	p = port_share_new(terms, stored->by_id, stored->shared_by, all->options.settings);
	if (p != NULL)
		add(all, p);
}

static bool
open_file(struct port_shares *all, struct err *e)
{
	const struct port_shares_options *o = &all->options;

	if (o->settings->state_dir == NULL)
		return true;
	all->file = share_file_open(o, restore, all, e);
	return all->file != NULL;
}

struct port_shares *
port_shares_new(const struct port_shares_options *options, struct err *e)
{
	struct port_shares *all = err_alloc(e, sizeof(*all), "shares of ports");

	if (all == NULL)
		return NULL;
	all->options = *options;
	loop_timer_init(&all->timer, options->loop, on_timer, all);
	if (!open_file(all, e)) {
		port_shares_free(all);
		return NULL;
	}
	if (all->version > 0)
		note_change(all);
	else
		arm_timer(all);
	return all;
}

void
port_shares_free(struct port_shares *all)
{
	struct port_share *p;

	if (all == NULL)
		return;
	share_file_close(all->file, &all->list);
	loop_timer_fini(&all->timer);
	while ((p = LIST_FIRST(&all->list)) != NULL) {
		LIST_REMOVE(p, entry);
		p->has_ended = true;
		auth_watches_drop(&p->watches);
		port_share_unref(p);
	}
	free(all);
}

bool
port_shares_replace_keys(struct port_shares *all, const struct auth_keys *keys, struct err *e)
{
	return all == NULL || share_file_replace_keys(all->file, &all->list, keys, e);
}

struct port_share *
port_shares_find_any(const struct port_shares *all, uint16_t port)
{
	struct port_share *p;

	LIST_FOREACH (p, &all->list, entry)
		if (p->terms.port == port)
			return p;
	return NULL;
}

struct port_share *
port_shares_find(const struct port_shares *all, uint16_t port)
{
	struct port_share *p;

	if (all == NULL || all->count == 0)
		return NULL;
	p = port_shares_find_any(all, port);
	return p != NULL && !port_share_is_over(p) ? p : NULL;
}

struct port_share *
port_shares_find_public(const struct port_shares *all, uint16_t port)
{
	struct port_share *p = port_shares_find(all, port);

	return p != NULL && p->terms.audience == AUTH_AUDIENCE_PUBLIC ? p : NULL;
}

struct port_share *
port_shares_next(const struct port_shares *all, const struct port_share *p)
{
	if (all == NULL)
		return NULL;
	return p == NULL ? LIST_FIRST(&all->list) : LIST_NEXT(p, entry);
}

unsigned
port_shares_version(const struct port_shares *all)
{
	return all == NULL ? 0 : all->version;
}

static const char *
share_anew(struct port_shares *all, const struct port_share_terms *terms, uint64_t by_id,
	   const char *by)
{
	struct port_share *old = port_shares_find_any(all, terms->port);
	struct port_share *p;

	if (old == NULL && all->count == AUTH_SHARES_MAX)
		return "Too many ports are shared: stop sharing one of them first.";
	p = port_share_new(terms, by_id, by, all->options.settings);
	if (p == NULL)
		return "The process is out of memory.";
	if (old != NULL)
		end_share(all, old, by, "its audience was changed");
	add(all, p);
	log_share("port shared", terms, by, "");
	return NULL;
}

static void
take_back(struct port_shares *all, struct port_share *old, const char *by)
{
	if (old == NULL)
		return;
	end_share(all, old, by, "it was revoked");
	note_change(all);
}

const char *
port_shares_set(struct port_shares *all, const struct port_share_terms *terms, uint64_t by_id,
		const char *by)
{
	struct port_share *old = port_shares_find_any(all, terms->port);
	const char *refusal;

	if (terms->audience == AUTH_AUDIENCE_OWNER) {
		take_back(all, old, by);
		return NULL;
	}
	refusal = port_share_refusal(all->options.settings, terms);
	if (refusal != NULL)
		return refusal;
	if (old != NULL && !port_share_is_over(old) && port_share_has_terms(old, terms)) {
		old->terms.until_ms = terms->until_ms;
		log_share("port shared", terms, by, "its end time was changed");
	} else {
		refusal = share_anew(all, terms, by_id, by);
	}
	if (refusal == NULL)
		note_change(all);
	return refusal;
}
