/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The event loop: descriptors, timers, signals and deferred calls; the only module that includes
 * libevent's event headers. Handles are embedded in the caller's structs and share their lifetime.
 *
 * A callback may free its own object: the module does not touch it afterwards.
 */
#ifndef BASE_NET_LOOP_H
#define BASE_NET_LOOP_H

#include <event2/event.h>
#include <event2/event_struct.h>

#include "base/err.h"

struct loop;

/* Creates the loop; also ignores SIGPIPE for the process. */
struct loop *loop_new(struct err *e) MUST_CHECK;
void loop_free(struct loop *l);

/* Runs until loop_stop. False: the loop itself failed. */
bool loop_run(struct loop *l, struct err *e) MUST_CHECK;
void loop_stop(struct loop *l);

/* For libraries that add their own events (libevhtp). */
struct event_base *loop_event_base(struct loop *l);

/* Milliseconds of the monotonic clock, read once per round. */
uint64_t loop_now_ms(const struct loop *l);

/* Returns a block of memory for the current callback, which must not keep it. Fifteen TLS records
 * of maximum size; the kernel allocates only the pages that are used. */
#define LOOP_SCRATCH_BYTES (15u * 16384u)
char *loop_scratch(struct loop *l);

/* Returns the two ends of a pipe for splice(2), which users must leave empty. NULL: it could not be
 * created, or splice(2) is not supported. */
#define LOOP_PIPE_BYTES 524288u
const int *loop_pipe(struct loop *l);
void loop_pipe_disable(struct loop *l);

enum { LOOP_READ = 1, LOOP_WRITE = 2 };
typedef void loop_io_fn(void *arg, unsigned ready);

/* Waits for readiness of a descriptor, level-triggered. Does not own it. */
struct loop_io {
	struct event read_event;
	struct event write_event;
	loop_io_fn *fn;
	void *arg;
	unsigned wanted; /* LOOP_READ | LOOP_WRITE */
};

void loop_io_init(struct loop_io *io, struct loop *l, int fd, loop_io_fn *fn, void *arg);
/* Call before the descriptor is closed; may be called twice. */
void loop_io_fini(struct loop_io *io);
void loop_io_want(struct loop_io *io, unsigned wanted);

/* Whether the loop's last wait found the descriptor readable and fn has not run since. */
bool loop_io_is_readable(const struct loop_io *io);

/* Calls fn with LOOP_READ from the loop as if the descriptor were readable: for bytes that a layer
 * above has buffered. */
void loop_io_poke(struct loop_io *io);

typedef void loop_timer_fn(void *arg);

/* A timer. Moving it later or stopping it costs no call into libevent: the armed event fires early,
 * and is then armed again or ignored. */
struct loop_timer {
	struct event event;
	struct loop *loop;
	loop_timer_fn *fn;
	void *arg;
	uint64_t due_ms;   /* 0: stopped */
	uint64_t armed_ms; /* 0: no event in the loop */
};

void loop_timer_init(struct loop_timer *t, struct loop *l, loop_timer_fn *fn, void *arg);
void loop_timer_fini(struct loop_timer *t);
void loop_timer_start(struct loop_timer *t, uint64_t delay_ms); /* replaces a running deadline */
void loop_timer_stop(struct loop_timer *t);
bool loop_timer_is_running(const struct loop_timer *t);

/* Calls fn from the loop after the current callback has returned. */
struct loop_defer {
	struct event event;
	loop_timer_fn *fn;
	void *arg;
};

void loop_defer_init(struct loop_defer *d, struct loop *l, loop_timer_fn *fn, void *arg);
void loop_defer_fini(struct loop_defer *d); /* drops a pending call */
void loop_defer_call(struct loop_defer *d);

typedef void loop_signal_fn(void *arg, int signal_number);

struct loop_signal {
	struct event event;
	loop_signal_fn *fn;
	void *arg;
};

bool loop_signal_init(struct loop_signal *s, struct loop *l, int signal_number, loop_signal_fn *fn,
		      void *arg, struct err *e) MUST_CHECK;
void loop_signal_fini(struct loop_signal *s);

#endif
