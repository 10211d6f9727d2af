/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Progress as numbers, as JSON lines and in words. Touches no descriptor: the worker writes what
 * this formats, its parent parses it, and both describe it in the same words.
 */
#ifndef CLONE_PROGRESS_H
#define CLONE_PROGRESS_H

#include "clone/clone.h"

/* One line between worker and parent, without its newline. */
#define PROGRESS_LINE_MAX 4096u

/*
 * Reads a line that clone_progress_json wrote. ERR_PROTOCOL for anything else: unknown names,
 * numbers below zero. The message is not taken over: see progress_describe.
 */
bool progress_parse(struct str line, struct clone_progress *p, struct err *e) MUST_CHECK;

/* Percent of the whole from phase and counters, never lower than what p->percent says already. */
void progress_update_percent(struct clone_progress *p);

/* Fills message, and can_retry from the problem. Bounded, always NUL-terminated, without secrets.
 */
void progress_describe(struct clone_progress *p, const struct clone_settings *settings);

/* Whether a clone is under way. */
bool progress_is_running(enum clone_phase phase);

/* Whether `to` may follow `from`; a phase may follow itself. */
bool progress_may_follow(enum clone_phase from, enum clone_phase to);

/* Bytes per second over the last PROGRESS_METER_SLOTS half seconds. */
#define PROGRESS_METER_SLOTS 8u
struct progress_meter {
	struct {
		uint64_t at_ms;
		uint64_t bytes;
	} slots[PROGRESS_METER_SLOTS];
	unsigned count;
};

/* When the phase under way began, and with how much done. Starts as zeroes. */
struct progress_phase {
	enum clone_phase phase;
	uint64_t began_ms;
	uint64_t done;
};

/* Sets left_s. */
void progress_estimate_left(struct clone_progress *p, struct progress_phase *phase,
			    uint64_t now_ms);

uint64_t progress_meter_add(struct progress_meter *m, uint64_t now_ms, uint64_t bytes);

#endif
