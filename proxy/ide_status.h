/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whether the IDE responds, and the likely reason if it does not within EXPLAIN_AFTER. Checked
 * only on request.
 */
#ifndef PROXY_IDE_STATUS_H
#define PROXY_IDE_STATUS_H

#include "base/net/loop.h"
#include "proxy/start/ide_reason.h"
#include "proxy/start/start_timeline.h"

struct last_words;
struct proxy;

struct ide_status {
	struct start_timeline timeline;
	struct ide_reason reason;
	uint64_t found_ms;			/* when it was looked for last; 0: never */
	struct last_words *search;		/* that goes on; NULL: none */
	struct loop_timer next_step;		/* of the search */
	uint16_t own_ports[IDE_REASON_OWN_MAX]; /* our listeners */
};

/*
 * NULL while the IDE answers, or has not been waited for as long as EXPLAIN_AFTER says. Valid until
 * the loop runs again; looked for anew every few seconds. Long log files are searched while the
 * loop runs: until that is over, it tells what is known without them, or was known before.
 */
const struct ide_reason *ide_status_reason(struct proxy *p);
void ide_status_fini(struct proxy *p);

#endif
