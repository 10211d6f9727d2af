/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Records times; durations are computed on request.
 */
#include "proxy/start/start_timeline.h"

#include "base/clock.h"

const char *const start_step_names[START_STEPS] = {
	[START_SIDECAR] = "sidecar",
	[START_SIGN_IN] = "sign_in",
	[START_CONNECTING] = "clone_connecting",
	[START_RECEIVING] = "clone_receiving",
	[START_RESOLVING] = "clone_resolving",
	[START_LFS] = "clone_lfs",
	[START_CHECKOUT] = "clone_checkout",
	[START_IDE] = "ide",
};

/* Returns START_STEPS for phases that are no steps. */
static enum start_step
step_of(enum clone_phase phase)
{
	switch (phase) {
	case CLONE_CONNECTING:
		return START_CONNECTING;
	case CLONE_RECEIVING:
		return START_RECEIVING;
	case CLONE_RESOLVING:
		return START_RESOLVING;
	case CLONE_LFS:
		return START_LFS;
	case CLONE_CHECKOUT:
		return START_CHECKOUT;
	case CLONE_OFF:
	case CLONE_WAITING:
	case CLONE_DONE:
	case CLONE_FAILED:
		break;
	}
	return START_STEPS;
}

/* Returns at least 1, because 0 means that a step has not begun. */
static uint64_t
between_us(uint64_t from_ms, uint64_t to_ms)
{
	return to_ms > from_ms ? (to_ms - from_ms) * 1000 : 1;
}

void
start_timeline_note_open(struct start_timeline *t)
{
	if (t->opened_ms == 0)
		t->opened_ms = clock_monotonic_us() / 1000;
}

static void
on_clone_changed(const struct clone_progress *progress, void *arg)
{
	struct start_timeline *t = arg;
	enum start_step step = step_of(t->phase);
	uint64_t now_ms = clock_monotonic_us() / 1000;

	if (progress->phase == t->phase)
		return;
	if (step != START_STEPS)
		t->phase_us[step] += between_us(t->phase_began_ms, now_ms);
	t->phase = progress->phase;
	t->phase_began_ms = now_ms;
	if (t->phase == CLONE_DONE)
		start_timeline_note_open(t);
}

void
start_timeline_init(struct start_timeline *t)
{
	*t = (struct start_timeline){
		.began_ms = clock_monotonic_us() / 1000,
		.began_wall_ms = clock_wall_us() / 1000,
	};
}

void
start_timeline_watch_clone(struct start_timeline *t, struct clone *c)
{
	t->phase = clone_progress(c)->phase;
	t->phase_began_ms = clock_monotonic_us() / 1000;
	if (t->phase == CLONE_OFF)
		start_timeline_note_open(t);
	clone_watch_start(&t->watch, c, on_clone_changed, t);
}

void
start_timeline_fini(struct start_timeline *t)
{
	clone_watch_stop(&t->watch);
}

void
start_timeline_note_listening(struct start_timeline *t)
{
	t->listens_ms = clock_monotonic_us() / 1000;
}

bool
start_timeline_is_over(const struct start_timeline *t, enum start_step step, uint64_t answered_ms)
{
	if (step == START_SIDECAR)
		return t->listens_ms > 0;
	if (step == START_SIGN_IN)
		return t->signed_in_ms > 0;
	if (step == START_IDE)
		return answered_ms > 0;
	return step != step_of(t->phase) && t->phase_us[step] > 0;
}

void
start_timeline_durations(const struct start_timeline *t, uint64_t answered_ms,
			 uint64_t durations_us[START_STEPS])
{
	uint64_t now_ms = clock_monotonic_us() / 1000;
	enum start_step current = step_of(t->phase);

	memcpy(durations_us, t->phase_us, sizeof(t->phase_us));
	durations_us[START_SIDECAR] =
		between_us(t->began_ms, t->listens_ms > 0 ? t->listens_ms : now_ms);
	if (t->listens_ms > 0)
		durations_us[START_SIGN_IN] =
			between_us(t->listens_ms, t->signed_in_ms > 0 ? t->signed_in_ms : now_ms);
	if (current != START_STEPS)
		durations_us[current] += between_us(t->phase_began_ms, now_ms);
	durations_us[START_IDE] = between_us(t->began_ms, answered_ms > 0 ? answered_ms : now_ms);
}

/* Rounds to milliseconds. */
static double
seconds_of(uint64_t duration_us)
{
	uint64_t ms = duration_us / 1000;

	return (double)ms / 1000.0;
}

void
start_timeline_write(const struct start_timeline *t, uint64_t answered_ms, struct json_writer *w)
{
	uint64_t durations_us[START_STEPS];
	char began[CLOCK_RFC3339_SIZE];

	start_timeline_durations(t, answered_ms, durations_us);
	clock_format_rfc3339(t->began_wall_ms, began, sizeof(began));
	json_write_object(w, "start");
	json_write_str(w, "began_at", str_from(began));
	json_write_array(w, "steps");
	for (enum start_step step = START_SIDECAR; step < START_STEPS; step++) {
		if (durations_us[step] == 0)
			continue;
		json_write_object(w, NULL);
		json_write_str(w, "step", str_from(start_step_names[step]));
		json_write_real(w, "seconds", seconds_of(durations_us[step]));
		json_write_bool(w, "done", start_timeline_is_over(t, step, answered_ms));
		json_write_close(w, '}');
	}
	json_write_close(w, ']');
	json_write_close(w, '}');
}
