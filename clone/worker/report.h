/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Shows a clone's progress: JSON lines to the parent, a bar on a terminal, or one line per phase on
 * other outputs.
 */
#ifndef CLONE_WORKER_REPORT_H
#define CLONE_WORKER_REPORT_H

#include "clone/progress.h"

enum report_form { REPORT_LINES, REPORT_BAR, REPORT_PLAIN };

struct report {
	enum report_form form;
	int fd;
	enum clone_phase shown; /* phase of the last report */
	unsigned attempt;	/* attempt of the last report */
	bool has_shown;
	bool has_lfs; /* the last report had LFS files to fetch */
};

/* worker_fd: pipe to the parent; -1: standard error. */
void report_init(struct report *r, int worker_fd);

/* False: the reader has closed the pipe. */
bool report_show(struct report *r, const struct clone_progress *p) MUST_CHECK;

/* Formats as "12.3 MiB"; always NUL-terminated. */
void report_format_size(uint64_t bytes, char *out, size_t size);

#endif
