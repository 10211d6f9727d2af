/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The wait begins when the workspace is open: before that the IDE is not asked for.
 */
#include "proxy/ide_status.h"

#include "proxy/proxy.h"

#define KEEP_MS 3000u

static bool
is_due(struct proxy *p)
{
	uint64_t opened_ms = p->ide_status.timeline.opened_ms;
	uint64_t changed_ms = upstream_figures(p->upstream).changed_ms;
	uint64_t since_ms = opened_ms > changed_ms ? opened_ms : changed_ms;

	return opened_ms > 0 && !upstream_is_ready(p->upstream) &&
	       loop_now_ms(p->loop) >= since_ms + p->settings->explain_after_ms;
}

const struct ide_reason *
ide_status_reason(struct proxy *p)
{
	struct ide_status *s = &p->ide_status;
	const struct settings_upstream *upstream = &p->settings->upstream;
	uint64_t now_ms = loop_now_ms(p->loop);
	struct ide_reason_facts facts = {
		.upstream = upstream->addresses,
		.upstream_count = upstream->count,
		.upstream_name = upstream->name,
		.log_files = &p->settings->log_files,
	};

	if (!is_due(p))
		return NULL;
	if (s->found_ms == 0 || now_ms - s->found_ms >= KEEP_MS) {
		memcpy(facts.own_ports, s->own_ports, sizeof(s->own_ports));
		ide_reason_find(&s->reason, &facts);
		s->found_ms = now_ms;
	}
	return &s->reason;
}
