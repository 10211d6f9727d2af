/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How a clone's progress is shown: as JSON lines to the parent, as a bar on a terminal, or as a
 * line per phase where standard error is no terminal.
 */
#ifndef CLONE_REPORT_H
#define CLONE_REPORT_H

#include "clone/progress.h"

enum report_form { REPORT_LINES, REPORT_BAR, REPORT_PLAIN };

struct report {
	enum report_form form;
	int fd;
	enum clone_phase shown; /* phase of the last report */
	unsigned attempt;	/* and its attempt */
	bool has_shown;
};

/* worker_fd: the parent's pipe; -1: by hand, on standard error. */
void report_init(struct report *r, int worker_fd);

/* False when nobody reads any more. */
bool report_show(struct report *r, const struct clone_progress *p) MUST_CHECK;

/* "12.3 MiB"; always NUL-terminated. */
void report_format_size(uint64_t bytes, char *out, size_t size);

#endif
