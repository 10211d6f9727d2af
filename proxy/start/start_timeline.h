/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The steps of a workspace's start and their durations: the sidecar, the first sign-in, the phases
 * of the clone, and the IDE. Also knows since when the IDE is expected to respond.
 */
#ifndef PROXY_START_START_TIMELINE_H
#define PROXY_START_START_TIMELINE_H

#include "base/json.h"
#include "clone/clone.h"

enum start_step {
	START_SIDECAR,	  /* start of the process until it listens */
	START_SIGN_IN,	  /* from then until the first user is signed in */
	START_CONNECTING, /* phases of the clone; repeated attempts add up */
	START_RECEIVING,
	START_RESOLVING,
	START_LFS,
	START_CHECKOUT,
	START_IDE, /* start of the process until the IDE first accepts a connection */
	START_STEPS,
};

struct start_timeline {
	struct clone_watch watch;
	int64_t began_wall_ms;
	uint64_t began_ms; /* monotonic, as all times below; 0: not yet */
	uint64_t listens_ms;
	uint64_t signed_in_ms;
	uint64_t opened_ms; /* requests may be forwarded: cloned, skipped, or nothing to clone */
	enum clone_phase phase;
	uint64_t phase_began_ms;
	uint64_t phase_us[START_STEPS]; /* durations of the clone's steps before phase_began_ms */
};

/* Starts the timeline, at the start of the process. */
void start_timeline_init(struct start_timeline *t);
void start_timeline_watch_clone(struct start_timeline *t, struct clone *c);
void start_timeline_fini(struct start_timeline *t);

/* Record the time of an event. Of note_open only the first call counts. */
void start_timeline_note_listening(struct start_timeline *t);
void start_timeline_note_open(struct start_timeline *t);

/* Called for every request. */
static inline void
start_timeline_note_sign_in(struct start_timeline *t, uint64_t now_ms)
{
	if (t->signed_in_ms == 0)
		t->signed_in_ms = now_ms;
}

/* Stable, for JSON and metrics: "sidecar", "sign_in", "clone_connecting" … "ide". */
extern const char *const start_step_names[START_STEPS];

/* Computes the duration of each step in microseconds; 0: not begun. A running step counts until
 * now. answered_ms: monotonic time at which the IDE first accepted a connection; 0: not yet. */
void start_timeline_durations(const struct start_timeline *t, uint64_t answered_ms,
			      uint64_t durations_us[START_STEPS]);

/* Whether the step has ended. */
bool start_timeline_is_over(const struct start_timeline *t, enum start_step step,
			    uint64_t answered_ms);

/* Writes the member
 * "start":{"began_at":"…","steps":[{"step":"sidecar","seconds":0.021,"done":true},…]} */
void start_timeline_write(const struct start_timeline *t, uint64_t answered_ms,
			  struct json_writer *w);

#endif
