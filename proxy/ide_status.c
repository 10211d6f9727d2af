/* SPDX-License-Identifier: Apache-2.0 */
/*
 * EXPLAIN_AFTER is measured from the end of the clone, because the IDE is not needed before.
 */
#include "proxy/ide_status.h"

#include "proxy/proxy.h"
#include "proxy/start/exit_search.h"

#define KEEP_MS	      3000u  /* a reason is not looked for again for this long */
#define OLD_MS	      10000u /* a reason this old is replaced even while a search runs */
#define STEP_MS	      1u     /* pause between steps of a search, for other work of the loop */
#define STEPS_AT_ONCE 3u     /* enough for short files in one directory */

static bool
is_due(struct proxy *p)
{
	uint64_t opened_ms = p->ide_status.timeline.opened_ms;
	uint64_t changed_ms = upstream_figures(p->upstream).changed_ms;
	uint64_t since_ms = opened_ms > changed_ms ? opened_ms : changed_ms;

	return opened_ms > 0 && !upstream_is_ready(p->upstream) &&
	       loop_now_ms(p->loop) >= since_ms + p->settings->explain_after_ms;
}

static void
find(struct proxy *p, const struct ide_reason *reported_exit)
{
	struct ide_status *s = &p->ide_status;
	const struct settings_upstream *upstream = &p->settings->upstream;
	struct ide_reason_facts facts = {
		.upstream = upstream->addresses,
		.upstream_count = upstream->count,
		.upstream_name = upstream->name,
		.reported_exit = reported_exit,
	};

	memcpy(facts.own_ports, s->own_ports, sizeof(s->own_ports));
	ide_reason_find(&s->reason, &facts);
}

static void
end_search(struct ide_status *s)
{
	exit_search_free(s->search);
	loop_timer_fini(&s->next_step);
	s->search = NULL;
}

static void
on_next_step(void *arg)
{
	struct proxy *p = arg;
	struct ide_status *s = &p->ide_status;

	if (!exit_search_step(s->search)) {
		loop_timer_start(&s->next_step, STEP_MS);
		return;
	}
	find(p, exit_search_found(s->search));
	end_search(s);
}

/* Starts a search. Returns true if it is complete already. */
static bool
begin_search(struct proxy *p)
{
	struct ide_status *s = &p->ide_status;

	s->search = exit_search_new(&p->settings->log_files);
	if (s->search == NULL)
		return false;
	loop_timer_init(&s->next_step, p->loop, on_next_step, p);
	for (unsigned i = 0; i < STEPS_AT_ONCE; i++)
		if (exit_search_step(s->search))
			return true;
	loop_timer_start(&s->next_step, STEP_MS);
	return false;
}

const struct ide_reason *
ide_status_reason(struct proxy *p)
{
	struct ide_status *s = &p->ide_status;
	uint64_t now_ms = loop_now_ms(p->loop);
	uint64_t age_ms = now_ms - s->found_ms;

	if (!is_due(p))
		return NULL;
	if (s->search != NULL || age_ms < KEEP_MS)
		return &s->reason;
	s->found_ms = now_ms;
	if (begin_search(p)) {
		find(p, exit_search_found(s->search));
		end_search(s);
	} else if (age_ms >= OLD_MS) {
		find(p, NULL);
	}
	return &s->reason;
}

void
ide_status_fini(struct proxy *p)
{
	if (p->ide_status.search != NULL)
		end_search(&p->ide_status);
}
