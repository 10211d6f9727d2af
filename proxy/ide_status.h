/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The likely reason why the IDE does not respond within EXPLAIN_AFTER. Looked for on request only.
 */
#ifndef PROXY_IDE_STATUS_H
#define PROXY_IDE_STATUS_H

#include "base/net/loop.h"
#include "proxy/start/ide_reason.h"
#include "proxy/start/start_timeline.h"

struct exit_search;
struct proxy;

struct ide_status {
	struct start_timeline timeline;
	struct ide_reason reason;
	uint64_t found_ms;			/* time of the last search; 0: never */
	struct exit_search *search;		/* running search of log files; NULL: none */
	struct loop_timer next_step;		/* of the search */
	uint16_t own_ports[IDE_REASON_OWN_MAX]; /* our listeners */
};

/*
 * Returns NULL while the IDE responds, or until EXPLAIN_AFTER has passed. The result is valid until
 * the event loop runs again, and at most a few seconds old. Long log files are searched in steps
 * while the event loop runs; until then, the result is the previous one or does not consider them.
 */
const struct ide_reason *ide_status_reason(struct proxy *p);
void ide_status_fini(struct proxy *p);

#endif
