/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whether the IDE answers, and once it should have, why it does not. Nothing is looked at unless
 * somebody asks.
 */
#ifndef PROXY_IDE_STATUS_H
#define PROXY_IDE_STATUS_H

#include "proxy/start/ide_reason.h"
#include "proxy/start/start_timeline.h"

struct proxy;

struct ide_status {
	struct start_timeline timeline;
	struct ide_reason reason;
	uint64_t found_ms;			/* when reason was found; 0: never */
	uint16_t own_ports[IDE_REASON_OWN_MAX]; /* our listeners */
};

/* NULL while the IDE answers, or has not been waited for as long as EXPLAIN_AFTER says. Valid until
 * the next call; found anew every few seconds. */
const struct ide_reason *ide_status_reason(struct proxy *p);

#endif
