/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The steps of a workspace's start: the sidecar, the first sign-in, the clone's phases, the IDE,
 * each with its duration; and since when the IDE is expected to respond.
 */
#ifndef PROXY_START_START_TIMELINE_H
#define PROXY_START_START_TIMELINE_H

#include "base/json.h"
#include "clone/clone.h"

enum start_step {
	START_SIDECAR,	  /* the process, until it listens */
	START_SIGN_IN,	  /* from then on, until the first user is signed in */
	START_CONNECTING, /* phases of the clone; attempts are added up */
	START_RECEIVING,
	START_RESOLVING,
	START_LFS,
	START_CHECKOUT,
	START_IDE, /* from the start of the process until it answers for the first time */
	START_STEPS,
};

struct start_timeline {
	struct clone_watch watch;
	struct loop *loop;
	int64_t began_wall_ms;
	uint64_t began_ms; /* monotonic, as all below; 0: not yet */
	uint64_t listens_ms;
	uint64_t signed_in_ms;
	uint64_t opened_ms; /* nothing to clone, cloned, or skipped */
	enum clone_phase phase;
	uint64_t phase_began_ms;
	uint64_t phase_us[START_STEPS]; /* of the clone's steps, until phase_began_ms */
};

/* At the start of the process. */
void start_timeline_init(struct start_timeline *t, struct loop *l);
void start_timeline_watch_clone(struct start_timeline *t, struct clone *c);
void start_timeline_fini(struct start_timeline *t);

void start_timeline_note_listening(struct start_timeline *t);
void start_timeline_note_open(struct start_timeline *t); /* only the first time counts */

/* Cheap enough for every request. */
static inline void
start_timeline_note_sign_in(struct start_timeline *t, uint64_t now_ms)
{
	if (t->signed_in_ms == 0)
		t->signed_in_ms = now_ms;
}

/* Stable, for JSON and metrics: "sidecar", "sign_in", "clone_connecting" … "ide". */
extern const char *const start_step_names[START_STEPS];

/* Microseconds of each step; 0: not begun. answered_ms: when the IDE answered first, 0: not yet.
 * A step that is under way counts until now. */
void start_timeline_durations(const struct start_timeline *t, uint64_t answered_ms,
			      uint64_t durations_us[START_STEPS]);

/* Whether the step has ended. */
bool start_timeline_is_over(const struct start_timeline *t, enum start_step step,
			    uint64_t answered_ms);

/* "start":{"began_at":"…","steps":[{"step":"sidecar","seconds":0.021,"done":true},…]} */
void start_timeline_write(const struct start_timeline *t, uint64_t answered_ms,
			  struct json_writer *w);

#endif
