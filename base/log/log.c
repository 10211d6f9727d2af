/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writes log lines: each with one write, or together with others at log_flush. Writing never
 * blocks: if the sink is full, lines are dropped and counted.
 */
#include "base/log/log.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log/log_limit.h"
#include "base/log/log_line.h"
#include "base/log/log_record.h"

/* The kernel writes up to this much to a pipe atomically, so that no line is split or mixed with
 * those of another process. Files take more per write. */
#define HELD_MAX      PIPE_BUF
#define HELD_FILE_MAX 32768

static struct {
	enum log_level level;
	enum log_format format;
	int fd;
	bool is_socket;
	size_t held_max;
	atomic_uint_fast64_t dropped; /* lines lost since the last one that was written */
	atomic_uint_fast64_t lost;    /* since the start of the process */
	atomic_bool is_torn;	      /* the last write was partial: end that line first */
} sink = {.level = LOG_INFO, .format = LOG_JSON, .fd = STDERR_FILENO, .held_max = HELD_MAX};

/* As write(2), but never blocks. MSG_DONTWAIT affects one call only; other processes may share a
 * socket's flags. */
static ssize_t
write_to_sink(const char *data, size_t len)
{
	ssize_t written;

	do
		written = sink.is_socket ? send(sink.fd, data, len, MSG_DONTWAIT | MSG_NOSIGNAL)
					 : write(sink.fd, data, len);
	while (written < 0 && errno == EINTR);
	return written;
}

static void
count_dropped(uint64_t lines)
{
	atomic_fetch_add(&sink.dropped, lines);
	atomic_fetch_add(&sink.lost, lines);
}

uint64_t
log_lines_lost(void)
{
	return atomic_load(&sink.lost);
}

void
log_configure(enum log_level level, enum log_format format, int fd)
{
	struct stat st = {.st_mode = 0};

	(void)fstat(fd, &st);
	sink.level = level;
	sink.format = format;
	sink.fd = fd;
	sink.is_socket = S_ISSOCK(st.st_mode);
	sink.held_max = S_ISREG(st.st_mode) ? HELD_FILE_MAX : HELD_MAX;
	atomic_store(&sink.dropped, 0);
	atomic_store(&sink.is_torn, false);
}

void
log_set_level(enum log_level level)
{
	sink.level = level;
}

/* Opens the same pipe or terminal again, with flags of our own. -1: the system does not allow
 * it. */
static int
open_anew(int fd)
{
	char path[32];

	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	return open(path, O_WRONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
}

int
log_open_sink(int fd)
{
	struct stat st;

	if (fstat(fd, &st) != 0 || (!S_ISFIFO(st.st_mode) && isatty(fd) == 0))
		return fd;
	if (S_ISFIFO(st.st_mode))
		(void)fcntl(fd, F_SETPIPE_SZ, LOG_PIPE_BYTES);
	int own = open_anew(fd);
	if (own >= 0)
		return own;
	/* Set the flag on a pipe, which only our own processes write to. On a terminal O_NONBLOCK
	 * would affect every process that uses it, such as a shell. */
	int flags = S_ISFIFO(st.st_mode) ? fcntl(fd, F_GETFL) : -1;
	if (flags >= 0)
		(void)fcntl(fd, F_SETFL, flags | O_NONBLOCK);
	return fd;
}

bool
log_is_enabled(enum log_level level)
{
	return level >= sink.level && level < LOG_OFF;
}

/* Lines that wait for log_flush, of the one thread that holds lines. */
static struct {
	void (*on_held)(void *arg); /* NULL: lines are not held */
	void *arg;
	size_t len;
	char data[HELD_FILE_MAX];
} held;
static _Thread_local bool holds;
static struct log_limit repeats; /* belongs to the same thread */

static void tell_repeats(bool all);

static uint64_t
count_lines(const char *data, size_t len)
{
	uint64_t lines = 0;

	for (size_t i = 0; i < len; i++)
		lines += data[i] == '\n';
	return lines;
}

void
log_flush(void)
{
	ssize_t written;
	size_t len = held.len;

	if (!holds || len == 0)
		return;
	held.len = 0;
	if (atomic_load(&sink.is_torn)) {
		/* Rare: the newline that ends the partial line is written on its own. */
		if (write_to_sink("\n", 1) != 1) {
			count_dropped(count_lines(held.data, len));
			return;
		}
		atomic_store(&sink.is_torn, false);
	}
	written = write_to_sink(held.data, len);
	size_t done = written < 0 ? 0 : (size_t)written;
	if (done == len)
		return;
	count_dropped(count_lines(held.data + done, len - done));
	atomic_store(&sink.is_torn, done > 0 && held.data[done - 1] != '\n');
}

void
log_hold(void (*on_held)(void *arg), void *arg)
{
	if (holds && on_held == NULL)
		tell_repeats(true);
	log_flush();
	held.on_held = on_held;
	held.arg = arg;
	holds = on_held != NULL;
}

/* Holds the line. False: write it at once. */
static bool
hold_line(enum log_level level, const struct log_line *l, uint64_t dropped)
{
	size_t len = (size_t)(l->at - l->data) - 1;

	if (!holds)
		return false;
	if (level >= LOG_WARN || dropped > 0 || held.len + len > sink.held_max)
		log_flush();
	if (level >= LOG_WARN || dropped > 0 || len > sink.held_max)
		return false;
	memcpy(held.data + held.len, l->data + 1, len);
	held.len += len;
	if (held.len == len)
		held.on_held(held.arg);
	return true;
}

static void
write_line(const struct log_line *l, uint64_t dropped)
{
	const char *start = l->data;
	ssize_t written;
	size_t len;

	/* The text starts with a newline, which ends a partial line before it; skip it if there is
	 * none. */
	if (!atomic_load(&sink.is_torn))
		start++;
	len = (size_t)(l->at - start);
	written = write_to_sink(start, len);
	if (written == (ssize_t)len) {
		atomic_store(&sink.is_torn, false);
		atomic_fetch_sub(&sink.dropped, dropped);
		return;
	}
	count_dropped(1);
	if (written > 0)
		atomic_store(&sink.is_torn, true);
}

static void
show_line(enum log_level level, const struct log_line *l)
{
	static const size_t end = sizeof("}\n") - 1;
	struct str fields = {l->fields, (size_t)(l->at - l->fields) - end};

	log_show_observer(&(struct log_record){
		.time_ms = l->time_ms,
		.level = level,
		.source = LOG_SOURCE_PROXY,
		.message = {l->message, (size_t)(l->message_end - l->message)},
		.fields = str_skip(fields, 1), /* the comma */
	});
}

struct event {
	enum log_level level;
	const struct log_context *context;
	const char *message;
	const struct log_field *fields;
};

static void
build_line(struct log_line *l, enum log_format format, const struct event *event, uint64_t dropped)
{
	log_line_begin(l, format, event->level, event->message);
	log_line_add_context(l, event->context);
	log_line_add_fields(l, event->fields);
	log_line_end(l, dropped);
}

/* Formats the line again for the observer when the sink's format is text, because observers get
 * JSON. */
static __attribute__((noinline)) void
show_as_json(const struct event *event)
{
	struct log_line l;

	build_line(&l, LOG_JSON, event, 0);
	show_line(event->level, &l);
}

static void
write_event(const struct event *event, bool is_observed)
{
	uint64_t dropped = atomic_load(&sink.dropped);
	struct log_line l;

	build_line(&l, sink.format, event, dropped);
	if (!hold_line(event->level, &l, dropped))
		write_line(&l, dropped);
	if (!is_observed || !log_is_observed())
		return;
	if (l.fields != NULL)
		show_line(event->level, &l);
	else
		show_as_json(event);
}

/* Logs how many lines of each repeated warning were suppressed, once its period is over. */
static void
tell_repeats(bool all)
{
	uint64_t now_ms = clock_monotonic_ms();
	const char *message;
	uint64_t left_out;

	while ((message = log_limit_take(&repeats, now_ms, all, &left_out)) != NULL)
		write_event(&(struct event){LOG_WARN, NULL, "repeated lines left out",
					    (const struct log_field[]){
						    log_cstr("of", message),
						    log_int("lines", (int64_t)left_out), LOG_END}},
			    true);
}

static void
write_within_limits(const struct event *event, bool is_observed)
{
	int saved_errno = errno;

	if (!log_is_enabled(event->level))
		return;
	if (holds && repeats.limited > 0)
		tell_repeats(false);
	if (!holds || event->level < LOG_WARN ||
	    log_limit_admit(&repeats, event->message, clock_monotonic_ms()))
		write_event(event, is_observed);
	errno = saved_errno;
}

void
log_write(enum log_level level, const struct log_context *context, const char *message,
	  const struct log_field *fields)
{
	write_within_limits(&(struct event){level, context, message, fields}, true);
}

void
log_write_unobserved(enum log_level level, const struct log_context *context, const char *message,
		     const struct log_field *fields)
{
	write_within_limits(&(struct event){level, context, message, fields}, false);
}
