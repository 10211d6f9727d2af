/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The parent's side of a clone: starts the worker, parses its progress lines, ends it when it
 * stalls, notifies watches. The worker's numbers and names are validated by clone_progress_parse;
 * the messages for users are made here.
 */
#include "clone/clone.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log/log.h"
#include "clone/child.h"
#include "clone/progress.h"
#include "clone/worker/worker_log.h"

#define TERM_GRACE_MS  3000u
#define FREE_GRACE_MS  2000u
#define NOTIFY_MS      100u
#define COLLECT_MS     50u
#define QUIET_MS       3000u
#define STALL_GRACE_MS 5000u /* the worker detects a stall first, and may retry */

struct clone {
	struct loop *loop;
	const struct clone_settings *settings;
	char *program;
	struct clone_progress progress;

	struct child child;
	struct loop_io lines_io;   /* the worker's progress */
	struct loop_io exit_io;	   /* the worker's pidfd */
	struct loop_timer stall;   /* no progress */
	struct loop_timer quiet;   /* no line for a while: resets the rate to 0 */
	struct loop_timer kill;	   /* SIGTERM was not enough */
	struct loop_timer collect; /* without a pidfd: polls for the end of the worker */
	struct buf line;
	bool has_final; /* the worker has reported its result */
	enum clone_phase final_phase;
	enum clone_problem final_problem;
	enum clone_problem problem; /* why we terminated it */

	LIST_HEAD(clone_watches, clone_watch) watches;
	struct loop_timer notify;
	struct loop_defer notify_soon;
	uint64_t notified_at_ms;
};

const struct clone_progress *
clone_progress(const struct clone *c)
{
	return &c->progress;
}

void
clone_watch_start(struct clone_watch *w, struct clone *c, clone_changed_fn *fn, void *arg)
{
	w->fn = fn;
	w->arg = arg;
	LIST_INSERT_HEAD(&c->watches, w, entry);
}

void
clone_watch_stop(struct clone_watch *w)
{
	LIST_UNLINK(w, entry);
}

/* Removes the bookmark and returns the element after it. */
static struct clone_watch *
remove_bookmark(struct clone_watch *bookmark)
{
	struct clone_watch *next = LIST_NEXT(bookmark, entry);

	LIST_UNLINK(bookmark, entry);
	return next;
}

/* A callback may stop any watch, so the position is held by an element of our own. */
static void
notify(struct clone *c)
{
	struct clone_watch position = {.fn = NULL};
	struct clone_watch *w = LIST_FIRST(&c->watches);

	loop_timer_stop(&c->notify);
	c->notified_at_ms = loop_now_ms(c->loop);
	while (w != NULL) {
		LIST_INSERT_AFTER(w, &position, entry);
		if (w->fn != NULL)
			w->fn(&c->progress, w->arg);
		w = remove_bookmark(&position);
	}
}

static void
on_notify(void *arg)
{
	notify(arg);
}

static void
notify_throttled(struct clone *c)
{
	uint64_t elapsed_ms = loop_now_ms(c->loop) - c->notified_at_ms;

	if (elapsed_ms >= NOTIFY_MS)
		notify(c);
	else if (!loop_timer_is_running(&c->notify))
		loop_timer_start(&c->notify, NOTIFY_MS - elapsed_ms);
}

static void
log_phase(const struct clone *c)
{
	const struct clone_progress *p = &c->progress;

	if (p->phase == CLONE_FAILED)
		log_warn(NULL, "clone: failed", log_cstr("problem", clone_problem_name(p->problem)),
			 log_bool("can_retry", p->can_retry),
			 log_int("bytes", (int64_t)p->counters.bytes));
	else
		log_info(NULL, "clone: phase", log_cstr("phase", clone_phase_names[p->phase]),
			 log_cstr("dir", c->settings->dir),
			 log_int("bytes", (int64_t)p->counters.bytes),
			 log_int("attempt", (int64_t)p->attempt));
}

/* The only function that changes the phase. The caller notifies the watches. */
static void
set_phase(struct clone *c, enum clone_phase phase, enum clone_problem problem)
{
	struct clone_progress *p = &c->progress;
	bool is_new = p->phase != phase;

	err_assert(progress_may_follow(p->phase, phase));
	p->phase = phase;
	p->problem = problem;
	if (!progress_is_running(phase) && is_new) {
		p->rate = (struct clone_rate){0};
		p->ended_at_s = clock_wall_s();
	}
	progress_update_percent(p);
	progress_describe(p, c->settings);
	if (is_new)
		log_phase(c);
}

static void
log_history(const struct clone *c)
{
	const struct clone_history *h = &c->progress.history;

	if (h->state == CLONE_HISTORY_MISSING)
		log_warn(NULL, "clone: history", log_cstr("state", "missing"));
	else
		log_info(NULL, "clone: history", log_cstr("state", clone_history_names[h->state]),
			 log_int("bytes", (int64_t)h->bytes));
}

/* Updates the history of a clone that is done. */
static void
set_history(struct clone *c, const struct clone_history *history)
{
	bool is_new = c->progress.history.state != history->state;

	c->progress.history = *history;
	progress_describe(&c->progress, c->settings);
	if (is_new)
		log_history(c);
	if (is_new)
		notify(c);
	else
		notify_throttled(c);
}

static void
take_counters(struct clone_progress *p, const struct clone_progress *from)
{
	p->counters = from->counters;
	p->lfs = from->lfs;
	memcpy(p->remote_text, from->remote_text, sizeof(p->remote_text));
	p->rate = from->rate;
	p->attempt = from->attempt;
	p->notes = from->notes;
}

static void
watch_for_stall(struct clone *c)
{
	uint64_t timeout_ms = c->settings->stall_timeout_ms;

	loop_timer_start(&c->stall,
			 timeout_ms + (timeout_ms < STALL_GRACE_MS ? timeout_ms : STALL_GRACE_MS));
}

static void
stop_following(struct clone *c)
{
	loop_io_fini(&c->lines_io);
	loop_io_fini(&c->exit_io);
	loop_timer_stop(&c->stall);
	loop_timer_stop(&c->quiet);
	loop_timer_stop(&c->kill);
	loop_timer_stop(&c->collect);
	child_fini(&c->child);
	buf_clear(&c->line);
}

/* Terminates the worker with a problem of our own; then handled like any end of the worker. */
static void
end_worker(struct clone *c, enum clone_problem problem)
{
	if (c->problem != CLONE_PROBLEM_NONE)
		return;
	c->problem = problem;
	loop_io_want(&c->lines_io, 0);
	loop_timer_stop(&c->stall);
	child_signal(&c->child, SIGTERM);
	loop_timer_start(&c->kill, TERM_GRACE_MS);
}

static void
on_stalled(void *arg)
{
	struct clone *c = arg;

	log_warn(NULL, "clone: no progress, ending the worker",
		 log_ms("timeout_ms", (int64_t)c->settings->stall_timeout_ms));
	end_worker(c, CLONE_PROBLEM_STALLED);
}

static void
on_quiet(void *arg)
{
	struct clone *c = arg;

	c->progress.rate.bytes_per_s = 0;
	notify_throttled(c);
}

static void
on_kill(void *arg)
{
	struct clone *c = arg;

	child_signal(&c->child, SIGKILL);
}

static bool
take_log_line(struct str line)
{
	struct err e = ERR_INIT;

	if (worker_log_receive(line, &e))
		return true;
	log_error(NULL, "clone: invalid log line from the worker", log_err(&e));
	return false;
}

/* False for an invalid line. */
static bool
take_line(struct clone *c, struct str line)
{
	struct clone_progress p;
	struct err e = ERR_INIT;
	bool is_new;

	if (worker_log_is_line(line))
		return take_log_line(line);
	if (c->has_final && c->progress.history.state != CLONE_HISTORY_COMING)
		return true;
	if (!clone_progress_parse(line, &p, &e) ||
	    !progress_check_order(c->progress.phase, p.phase, &e)) {
		log_error(NULL, "clone: invalid progress line from the worker", log_err(&e));
		return false;
	}
	take_counters(&c->progress, &p);
	watch_for_stall(c);
	loop_timer_start(&c->quiet, QUIET_MS);
	if (!progress_is_running(p.phase)) {
		c->has_final = true;
		c->final_phase = p.phase;
		c->final_problem = p.problem;
		/* History continues in the background; users no longer wait. */
		if (p.history.state != CLONE_HISTORY_NONE) {
			set_phase(c, CLONE_DONE, CLONE_PROBLEM_NONE);
			set_history(c, &p.history);
		}
		return true;
	}
	is_new = p.phase != c->progress.phase;
	set_phase(c, p.phase, CLONE_PROBLEM_NONE);
	if (is_new)
		notify(c);
	else
		notify_throttled(c);
	return true;
}

static bool
take_bytes(struct clone *c, struct str bytes)
{
	size_t end;

	while ((end = str_find_byte(bytes, '\n')) != SIZE_MAX) {
		buf_add_str(&c->line, str_take(bytes, end));
		if (!buf_is_ok(&c->line) || !take_line(c, buf_view(&c->line)))
			return false;
		buf_clear(&c->line);
		bytes = str_skip(bytes, end + 1);
	}
	return buf_add_str(&c->line, bytes);
}

/* Reads what is available, at most `rounds` blocks. False at end of file. */
static bool
read_lines(struct clone *c, unsigned rounds)
{
	char block[CLONE_PROGRESS_LINE_MAX];
	ssize_t n;

	while (rounds-- > 0) {
		n = read(c->child.progress_fd, block, sizeof(block));
		if (n < 0)
			return errno == EAGAIN || errno == EINTR;
		if (n == 0)
			return false;
		if (!take_bytes(c, (struct str){block, (size_t)n})) {
			end_worker(c, CLONE_PROBLEM_INTERNAL);
			return false;
		}
	}
	return true;
}

static void
on_lines(void *arg, unsigned ready)
{
	struct clone *c = arg;

	(void)ready;
	if (!read_lines(c, 1))
		loop_io_want(&c->lines_io, 0);
}

static void
log_exit(int status)
{
	if (WIFSIGNALED(status))
		log_error(NULL, "clone: worker was killed",
			  log_cstr("signal", sigabbrev_np(WTERMSIG(status))));
	else
		log_error(NULL, "clone: worker ended without a report",
			  log_int("exit_code", WIFEXITED(status) ? WEXITSTATUS(status) : -1));
}

static void
end_history(struct clone *c)
{
	struct clone_history history = c->progress.history;

	history.state = CLONE_HISTORY_MISSING;
	if (c->progress.history.state == CLONE_HISTORY_COMING)
		set_history(c, &history);
}

/* The worker has ended. A reported success stays one, whatever happened afterwards. */
static void
on_worker_ended(struct clone *c, int status)
{
	if (c->problem == CLONE_PROBLEM_NONE)
		(void)read_lines(c, 32);
	stop_following(c);
	if (c->has_final && (c->final_phase == CLONE_DONE || c->problem == CLONE_PROBLEM_NONE)) {
		set_phase(c, c->final_phase, c->final_problem);
		end_history(c);
	} else if (c->problem != CLONE_PROBLEM_NONE) {
		set_phase(c, CLONE_FAILED, c->problem);
	} else {
		log_exit(status);
		set_phase(c, CLONE_FAILED, CLONE_PROBLEM_INTERNAL);
	}
	notify(c);
}

static void
on_exit_ready(void *arg, unsigned ready)
{
	struct clone *c = arg;
	int status = 0;

	(void)ready;
	if (child_reap(&c->child, &status))
		on_worker_ended(c, status);
}

static void
on_collect(void *arg)
{
	struct clone *c = arg;

	loop_timer_start(&c->collect, COLLECT_MS);
	on_exit_ready(c, 0);
}

static void
follow_worker(struct clone *c)
{
	c->has_final = false;
	c->problem = CLONE_PROBLEM_NONE;
	buf_clear(&c->line);
	loop_io_init(&c->lines_io, c->loop, c->child.progress_fd, on_lines, c);
	loop_io_want(&c->lines_io, LOOP_READ);
	if (c->child.pidfd >= 0) {
		loop_io_init(&c->exit_io, c->loop, c->child.pidfd, on_exit_ready, c);
		loop_io_want(&c->exit_io, LOOP_READ);
	} else {
		loop_timer_start(&c->collect, COLLECT_MS);
	}
	watch_for_stall(c);
}

bool
clone_has_child(const struct clone *c, pid_t pid)
{
	return c->child.pid == pid;
}

bool
clone_start(struct clone *c, const struct secret *token, struct err *e)
{
	struct clone_progress *p = &c->progress;

	if (p->phase != CLONE_WAITING && !(p->phase == CLONE_FAILED && p->can_retry))
		return true;
	*p = (struct clone_progress){.phase = p->phase, .started_at_s = clock_wall_s()};
	set_phase(c, CLONE_CONNECTING, CLONE_PROBLEM_NONE);
	loop_defer_call(&c->notify_soon);
	if (!child_spawn(&c->child, c->program, c->settings,
			 token != NULL ? token : c->settings->token, e)) {
		set_phase(c, CLONE_FAILED, CLONE_PROBLEM_INTERNAL);
		return false;
	}
	follow_worker(c);
	return true;
}

struct clone *
clone_new(struct loop *l, const struct clone_settings *settings, const char *program, struct err *e)
{
	struct clone *c = calloc(1, sizeof(*c));
	struct err start_error = ERR_INIT;

	if (c == NULL || (c->program = strdup(program)) == NULL) {
		free(c);
		(void)err_set(e, ERR_MEMORY, "clone: out of memory");
		return NULL;
	}
	c->loop = l;
	c->settings = settings;
	c->child = (struct child){.pidfd = -1, .progress_fd = -1};
	buf_init(&c->line, CLONE_PROGRESS_LINE_MAX);
	loop_timer_init(&c->stall, l, on_stalled, c);
	loop_timer_init(&c->quiet, l, on_quiet, c);
	loop_timer_init(&c->kill, l, on_kill, c);
	loop_timer_init(&c->collect, l, on_collect, c);
	loop_timer_init(&c->notify, l, on_notify, c);
	loop_defer_init(&c->notify_soon, l, on_notify, c);
	c->progress.phase = str_is_empty(settings->url.host) ? CLONE_OFF : CLONE_WAITING;
	progress_describe(&c->progress, settings);
	/* If it cannot start, the clone is FAILED and users may retry. */
	if (settings->token != NULL && !clone_start(c, settings->token, &start_error))
		log_error(NULL, "clone: not started", log_err(&start_error));
	return c;
}

void
clone_free(struct clone *c)
{
	if (c == NULL)
		return;
	child_terminate(&c->child, FREE_GRACE_MS);
	stop_following(c);
	while (!LIST_EMPTY(&c->watches))
		clone_watch_stop(LIST_FIRST(&c->watches));
	loop_timer_fini(&c->stall);
	loop_timer_fini(&c->quiet);
	loop_timer_fini(&c->kill);
	loop_timer_fini(&c->collect);
	loop_timer_fini(&c->notify);
	loop_defer_fini(&c->notify_soon);
	buf_fini(&c->line);
	free(c->program);
	free(c);
}
