/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A log file that is renamed when it is large enough, with the time before each line.
 */
#ifndef PROXY_COMMAND_RUN_LOG_H
#define PROXY_COMMAND_RUN_LOG_H

#include "base/str.h"

#define RUN_LOG_STREAMS 2

struct run_log {
	const char *path;
	int fd; /* -1: there is none, and nothing is written */
	uint64_t bytes;
	/* Of a stream of output: its last line has not ended. */
	bool is_inside[RUN_LOG_STREAMS];
	size_t last; /* stream that wrote last */
};

/* Appends to a regular file, or creates it; links are not followed. False: errno says why. */
bool run_log_open(struct run_log *l, const char *path) MUST_CHECK;
void run_log_close(struct run_log *l);

/* Adds output of one stream. Lines of two streams are not mixed; a line under way is ended. */
void run_log_add(struct run_log *l, size_t stream, struct str data);
void run_log_end_line(struct run_log *l);

#endif
