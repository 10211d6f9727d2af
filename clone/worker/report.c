/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writes progress as JSON lines, as a bar, or as plain messages.
 */
#include "clone/worker/report.h"

#include <stdio.h>
#include <unistd.h>

#include "base/process/fd.h"

#define BAR_CELLS 30u

void
report_init(struct report *r, int worker_fd)
{
	*r = (struct report){.form = REPORT_LINES, .fd = worker_fd};
	if (worker_fd < 0) {
		r->fd = STDERR_FILENO;
		r->form = isatty(STDERR_FILENO) == 1 ? REPORT_BAR : REPORT_PLAIN;
	}
}

void
report_format_size(uint64_t bytes, char *out, size_t size)
{
	static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB"};
	double value = (double)bytes;
	size_t unit = 0;

	while (value >= 1000 && unit + 1 < sizeof(units) / sizeof(units[0])) {
		value /= 1024;
		unit++;
	}
	snprintf(out, size, unit == 0 ? "%.0f %s" : "%.1f %s", value, units[unit]);
}

/* One write per line, which pipes keep atomic. */
static bool
show_line(struct report *r, const struct clone_progress *p)
{
	struct buf line;
	bool ok;

	buf_init(&line, CLONE_PROGRESS_LINE_MAX);
	ok = clone_progress_json(p, &line) && buf_add_byte(&line, '\n') &&
	     fd_write_all(r->fd, buf_view(&line));
	buf_fini(&line);
	return ok;
}

static bool
show_bar(struct report *r, const struct clone_progress *p)
{
	char cells[BAR_CELLS + 1];
	char bytes[32];
	char rate[32];
	char left[32] = "";
	char objects[64] = "";
	char text[256];
	size_t full = p->percent * BAR_CELLS / 100;
	int len;

	memset(cells, '-', BAR_CELLS);
	memset(cells, '#', full < BAR_CELLS ? full : BAR_CELLS);
	cells[BAR_CELLS] = '\0';
	report_format_size(p->counters.bytes, bytes, sizeof(bytes));
	report_format_size(p->rate.bytes_per_s, rate, sizeof(rate));
	if (p->rate.left_s > 0)
		snprintf(left, sizeof(left), ", %llu:%02llu left",
			 (unsigned long long)(p->rate.left_s / 60),
			 (unsigned long long)(p->rate.left_s % 60));
	if (p->phase == CLONE_LFS && p->lfs.objects_total == 0)
		snprintf(objects, sizeof(objects), ", %llu of %llu files searched",
			 (unsigned long long)p->counters.files_done,
			 (unsigned long long)p->counters.files_total);
	else if (p->phase == CLONE_LFS)
		snprintf(objects, sizeof(objects), ", %llu of %llu files",
			 (unsigned long long)p->lfs.objects_done,
			 (unsigned long long)p->lfs.objects_total);
	/* Return to the start of the line, and clear the rest of it at the end. */
	len = snprintf(text, sizeof(text), "\r%-10s [%s] %3u%%  %s, %s/s%s%s\033[K",
		       clone_phase_names[p->phase], cells, p->percent, bytes, rate, objects, left);
	return fd_write_all(r->fd, str_take(str_from(text), (size_t)len));
}

static bool
show_message(struct report *r, const struct clone_progress *p)
{
	return fd_write_all(r->fd, str_from(p->message)) && fd_write_all(r->fd, STR("\n"));
}

bool
report_show(struct report *r, const struct clone_progress *p)
{
	bool has_lfs = p->phase == CLONE_LFS && p->lfs.objects_total > 0;
	bool is_new = !r->has_shown || r->shown != p->phase || r->attempt != p->attempt ||
		      r->has_lfs != has_lfs;
	bool is_end = !progress_is_running(p->phase);

	r->has_shown = true;
	r->shown = p->phase;
	r->attempt = p->attempt;
	r->has_lfs = has_lfs;
	switch (r->form) {
	case REPORT_LINES:
		return show_line(r, p);
	case REPORT_BAR:
		return is_end ? fd_write_all(r->fd, STR("\r\033[K")) && show_message(r, p)
			      : show_bar(r, p);
	case REPORT_PLAIN:
		return !is_new || show_message(r, p);
	}
	return false;
}
