/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The event loop on libevent: one base without locks, changes to epoll batched per round.
 *
 * Promises what base/net/loop.h says: callbacks may free their objects, so nothing here is touched
 * after a callback was called; timers that move later cost nothing. Descriptors belong to the
 * callers. There are no priorities: at most CALLBACKS_PER_POLL callbacks run before the next
 * epoll_wait, so that deferred calls that defer again can't starve descriptors.
 */
#include "base/net/loop.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log/log.h"

#define CALLBACKS_PER_POLL 128

/* Reads the clock once per round; libevent's cached time tells whether a new round has begun. */
struct loop_clock {
	struct timeval round;
	uint64_t now_ms;
};

struct loop {
	struct event_base *base;
	struct loop_clock *clock; /* separate, so that reading the time takes a const loop */
	bool stopping;
	bool pipe_failed;
	int pipe[2]; /* -1: not created yet */
	char scratch[LOOP_SCRATCH_BYTES];
};

static struct event_base *
base_new(void)
{
	struct event_config *config = event_config_new();

	if (config == NULL)
		return NULL;
	(void)event_config_set_flag(config, EVENT_BASE_FLAG_NOLOCK);
	(void)event_config_set_flag(config, EVENT_BASE_FLAG_EPOLL_USE_CHANGELIST);
	(void)event_config_set_max_dispatch_interval(config, NULL, CALLBACKS_PER_POLL, 0);
	struct event_base *base = event_base_new_with_config(config);
	event_config_free(config);
	return base;
}

struct loop *
loop_new(struct err *e)
{
	/* Without SIGPIPE, the write to a closed connection fails instead. */
	if (signal(SIGPIPE, SIG_IGN) == SIG_ERR) {
		err_set(e, ERR_SYSTEM, "SIGPIPE can't be ignored");
		return NULL;
	}
	struct loop *l = calloc(1, sizeof(*l));
	struct loop_clock *clock = calloc(1, sizeof(*clock));
	struct event_base *base = base_new();
	if (l == NULL || clock == NULL || base == NULL) {
		err_set(e, ERR_MEMORY, "the event loop can't be created");
		if (base != NULL)
			event_base_free(base);
		free(clock);
		free(l);
		return NULL;
	}
	l->base = base;
	l->clock = clock;
	l->pipe[0] = l->pipe[1] = -1;
	return l;
}

static bool
make_pipe(struct loop *l)
{
	if (pipe2(l->pipe, O_CLOEXEC | O_NONBLOCK) != 0) {
		l->pipe[0] = l->pipe[1] = -1;
		return false;
	}
	/* Try smaller sizes: the kernel limits the pipe memory of a user. A smaller pipe only costs
	 * more calls. */
	for (unsigned size = LOOP_PIPE_BYTES; size > 65536u; size /= 2)
		if (fcntl(l->pipe[1], F_SETPIPE_SZ, (int)size) >= 0)
			break;
	return true;
}

const int *
loop_pipe(struct loop *l)
{
	if (l->pipe[0] < 0 && !l->pipe_failed)
		l->pipe_failed = !make_pipe(l);
	return l->pipe_failed ? NULL : l->pipe;
}

void
loop_pipe_disable(struct loop *l)
{
	if (l->pipe[0] >= 0) {
		close(l->pipe[0]);
		close(l->pipe[1]);
	}
	l->pipe[0] = l->pipe[1] = -1;
	l->pipe_failed = true;
}

void
loop_free(struct loop *l)
{
	if (l == NULL)
		return;
	/* libevent frees bufferevents from the loop. */
	(void)event_base_loop(l->base, EVLOOP_NONBLOCK);
	event_base_free(l->base);
	loop_pipe_disable(l);
	free(l->clock);
	free(l);
}

bool
loop_run(struct loop *l, struct err *e)
{
	while (!l->stopping) {
		if (event_base_loop(l->base, EVLOOP_NO_EXIT_ON_EMPTY) < 0)
			return err_set(e, ERR_SYSTEM, "the event loop failed");
	}
	l->stopping = false;
	return true;
}

void
loop_stop(struct loop *l)
{
	l->stopping = true;
	(void)event_base_loopbreak(l->base);
}

struct event_base *
loop_event_base(struct loop *l)
{
	return l->base;
}

uint64_t
loop_now_ms(const struct loop *l)
{
	struct loop_clock *clock = l->clock;
	struct timeval round;

	(void)event_base_gettimeofday_cached(l->base, &round);
	if (clock->now_ms == 0 || round.tv_usec != clock->round.tv_usec ||
	    round.tv_sec != clock->round.tv_sec) {
		clock->round = round;
		clock->now_ms = clock_monotonic_ms();
	}
	return clock->now_ms;
}

char *
loop_scratch(struct loop *l)
{
	return l->scratch;
}

/* Out of memory, the event is not added; its owner's timeout ends the wait. */
static void
add_event(struct event *event, const struct timeval *delay)
{
	if (event_add(event, delay) != 0)
		log_error(NULL, "out of memory for an event", log_int("fd", event_get_fd(event)));
}

static void
on_readable(evutil_socket_t fd, short what, void *arg)
{
	struct loop_io *io = arg;

	(void)fd;
	(void)what;
	io->fn(io->arg, LOOP_READ);
}

static void
on_writable(evutil_socket_t fd, short what, void *arg)
{
	struct loop_io *io = arg;

	(void)fd;
	(void)what;
	io->fn(io->arg, LOOP_WRITE);
}

void
loop_io_init(struct loop_io *io, struct loop *l, int fd, loop_io_fn *fn, void *arg)
{
	*io = (struct loop_io){.fn = fn, .arg = arg};
	err_assert(fd >= 0 && fn != NULL);
	err_assert(event_assign(&io->read_event, l->base, fd, EV_READ | EV_PERSIST, on_readable,
				io) == 0);
	err_assert(event_assign(&io->write_event, l->base, fd, EV_WRITE | EV_PERSIST, on_writable,
				io) == 0);
}

void
loop_io_fini(struct loop_io *io)
{
	if (io->fn == NULL)
		return;
	(void)event_del(&io->read_event);
	(void)event_del(&io->write_event);
	io->fn = NULL;
	io->wanted = 0;
}

static void
set_wanted(struct event *event, bool was, bool is)
{
	if (is && !was)
		add_event(event, NULL);
	else if (was && !is)
		(void)event_del(event);
}

void
loop_io_want(struct loop_io *io, unsigned wanted)
{
	unsigned was = io->wanted;

	if (wanted == was)
		return;
	err_assert(io->fn != NULL);
	io->wanted = wanted;
	set_wanted(&io->read_event, (was & LOOP_READ) != 0, (wanted & LOOP_READ) != 0);
	set_wanted(&io->write_event, (was & LOOP_WRITE) != 0, (wanted & LOOP_WRITE) != 0);
}

bool
loop_io_is_readable(const struct loop_io *io)
{
	return (io->read_event.ev_evcallback.evcb_flags & EVLIST_ACTIVE) != 0;
}

void
loop_io_poke(struct loop_io *io)
{
	err_assert(io->fn != NULL);
	event_active(&io->read_event, EV_READ, 1);
}

static void
arm_timer(struct loop_timer *t, uint64_t now_ms)
{
	uint64_t delay_ms = t->due_ms - now_ms;
	struct timeval delay = {.tv_sec = (time_t)(delay_ms / 1000),
				.tv_usec = (suseconds_t)(delay_ms % 1000 * 1000)};

	t->armed_ms = t->due_ms;
	add_event(&t->event, &delay);
}

static void
on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct loop_timer *t = arg;
	uint64_t now_ms = loop_now_ms(t->loop);

	(void)fd;
	(void)what;
	t->armed_ms = 0;
	if (t->due_ms == 0)
		return;
	if (now_ms < t->due_ms) {
		arm_timer(t, now_ms);
		return;
	}
	t->due_ms = 0;
	t->fn(t->arg);
}

void
loop_timer_init(struct loop_timer *t, struct loop *l, loop_timer_fn *fn, void *arg)
{
	*t = (struct loop_timer){.loop = l, .fn = fn, .arg = arg};
	err_assert(event_assign(&t->event, l->base, -1, 0, on_timer, t) == 0);
}

void
loop_timer_fini(struct loop_timer *t)
{
	if (t->loop == NULL)
		return;
	(void)event_del(&t->event);
	t->loop = NULL;
	t->due_ms = 0;
	t->armed_ms = 0;
}

void
loop_timer_start(struct loop_timer *t, uint64_t delay_ms)
{
	/* Longer than any timeout here, and short enough that sums and struct timeval do not
	 * overflow. */
	const uint64_t longest_ms = UINT64_C(1000) * 60 * 60 * 24 * 365 * 10;
	uint64_t now_ms = loop_now_ms(t->loop);

	t->due_ms = now_ms + (delay_ms < longest_ms ? delay_ms : longest_ms);
	if (t->armed_ms == 0 || t->armed_ms > t->due_ms)
		arm_timer(t, now_ms);
}

void
loop_timer_stop(struct loop_timer *t)
{
	t->due_ms = 0;
}

bool
loop_timer_is_running(const struct loop_timer *t)
{
	return t->due_ms != 0;
}

static void
on_defer(evutil_socket_t fd, short what, void *arg)
{
	struct loop_defer *d = arg;

	(void)fd;
	(void)what;
	d->fn(d->arg);
}

void
loop_defer_init(struct loop_defer *d, struct loop *l, loop_timer_fn *fn, void *arg)
{
	*d = (struct loop_defer){.fn = fn, .arg = arg};
	err_assert(event_assign(&d->event, l->base, -1, 0, on_defer, d) == 0);
}

void
loop_defer_fini(struct loop_defer *d)
{
	if (d->fn == NULL)
		return;
	(void)event_del(&d->event);
	d->fn = NULL;
}

void
loop_defer_call(struct loop_defer *d)
{
	err_assert(d->fn != NULL);
	event_active(&d->event, EV_TIMEOUT, 1);
}

static void
on_signal(evutil_socket_t signal_number, short what, void *arg)
{
	struct loop_signal *s = arg;

	(void)what;
	s->fn(s->arg, signal_number);
}

bool
loop_signal_init(struct loop_signal *s, struct loop *l, int signal_number, loop_signal_fn *fn,
		 void *arg, struct err *e)
{
	*s = (struct loop_signal){.fn = fn, .arg = arg};
	if (event_assign(&s->event, l->base, signal_number, EV_SIGNAL | EV_PERSIST, on_signal, s) !=
		    0 ||
	    event_add(&s->event, NULL) != 0) {
		s->fn = NULL;
		return err_set(e, ERR_SYSTEM, "signal %d can't be handled", signal_number);
	}
	return true;
}

void
loop_signal_fini(struct loop_signal *s)
{
	if (s->fn == NULL)
		return;
	(void)event_del(&s->event);
	s->fn = NULL;
}
