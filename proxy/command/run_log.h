/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A log file with a timestamp before each line, renamed when it reaches RUN_ROTATE_BYTES.
 */
#ifndef PROXY_COMMAND_RUN_LOG_H
#define PROXY_COMMAND_RUN_LOG_H

#include "base/str.h"

#define RUN_LOG_STREAMS 2

struct run_log {
	const char *path;
	int fd;				 /* -1: no log, nothing is written */
	uint64_t bytes;			 /* size of the file */
	bool is_inside[RUN_LOG_STREAMS]; /* the last line of this stream is incomplete */
	size_t last;			 /* index of the stream that wrote last */
};

/* Opens a regular file for appending, or creates it; does not follow links. False with errno. */
bool run_log_open(struct run_log *l, const char *path) MUST_CHECK;
void run_log_close(struct run_log *l);

/* Appends output of a stream, 0 or 1. Ends the incomplete line of the other stream first, so that
 * lines do not mix. */
void run_log_add(struct run_log *l, size_t stream, struct str data);

/* Ends the last line if it is incomplete. */
void run_log_end_line(struct run_log *l);

#endif
