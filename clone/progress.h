/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Derived values of a clone's progress: percentage, rate, remaining time, and the message for
 * users. Pure functions, used by the worker and by its parent.
 */
#ifndef CLONE_PROGRESS_H
#define CLONE_PROGRESS_H

#include "clone/clone.h"

/* Sets percent from phase and counters; it never decreases. */
void progress_update_percent(struct clone_progress *p);

/* Sets message, and can_retry from the problem. Bounded, NUL-terminated, without secrets. */
void progress_describe(struct clone_progress *p, const struct clone_settings *settings);

/* Whether the clone is running. */
bool progress_is_running(enum clone_phase phase);

/* Whether `to` may follow `from`; a phase may follow itself. */
bool progress_may_follow(enum clone_phase from, enum clone_phase to);
bool progress_check_order(enum clone_phase from, enum clone_phase to, struct err *e) MUST_CHECK;

/* Bytes per second over the last PROGRESS_METER_SLOTS half seconds. */
#define PROGRESS_METER_SLOTS 8u
struct progress_meter {
	struct {
		uint64_t at_ms;
		uint64_t bytes;
	} slots[PROGRESS_METER_SLOTS];
	unsigned count;
};

/* Start time of the current phase and the amount done by then. Initially zeroed. */
struct progress_phase {
	enum clone_phase phase;
	uint64_t began_ms;
	uint64_t done;
};

/* Sets rate.left_s. */
void progress_estimate_left(struct clone_progress *p, struct progress_phase *phase,
			    uint64_t now_ms);

uint64_t progress_meter_add(struct progress_meter *m, uint64_t now_ms, uint64_t bytes);

#endif
