/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The files that LOG_FILES matches, read line by line for one viewer.
 *
 * The workspace's user can write to their directories, so nothing there is trusted: no link is
 * followed, only regular files are opened, every step reads a bounded piece. Rotation (a new file
 * under the name) and truncation are noticed by log_files_refresh.
 */
#ifndef PROXY_LOGS_LOG_FILES_H
#define PROXY_LOGS_LOG_FILES_H

#include "proxy/logs/log_patterns.h"

#define LOG_FILES_MAX	 16		 /* the most recently changed ones */
#define LOG_FILES_WINDOW (1024u * 1024u) /* bytes to read of an existing file, from its end */
/* A follower that is more than this behind skips lines. */
#define LOG_FILES_BACKLOG (256u * 1024u)
#define LOG_FILES_RESUME  (64u * 1024u) /* where it resumes, in bytes before the end */
#define LOG_FILES_STEP	  (64u * 1024u) /* bytes to read per step */

struct log_files;

struct log_file_line {
	struct str text; /* without its newline; valid until the next call */
	const char *file;
	uint64_t at;		 /* for log_files_seek */
	uint64_t left_out_bytes; /* > 0: no line, but this many skipped bytes */
	int64_t changed_ms;	 /* of the file, when it was opened */
	bool is_cut;		 /* truncated */
	bool is_old;		 /* it existed when the file was opened */
};

enum log_files_result {
	LOG_FILES_LINE,
	LOG_FILES_NONE, /* no whole line is left */
	LOG_FILES_BUSY, /* the limit of this step is reached: continue later */
};

/* The patterns outlive the result. window_bytes: to read of existing files, at most
 * LOG_FILES_WINDOW. NULL: out of memory. */
struct log_files *log_files_new(const struct log_patterns *patterns,
				uint64_t window_bytes) MUST_CHECK;
void log_files_free(struct log_files *f); /* does nothing for NULL */

/* Looks for new, replaced and truncated files, in steps. True when the look is complete. */
bool log_files_refresh(struct log_files *f) MUST_CHECK;

/* Peeks at the next line of the file in a slot (0 to LOG_FILES_MAX - 1; slots without a file have
 * no lines). log_files_take advances past it. */
enum log_files_result log_files_peek(struct log_files *f, size_t slot, struct log_file_line *line);
void log_files_take(struct log_files *f, size_t slot);

/* Goes back to a line of the same file: at is that of the line. */
void log_files_seek(struct log_files *f, size_t slot, uint64_t at);

/* From now on, reads lines that are added, too. Before, only existing lines are read. */
void log_files_follow(struct log_files *f);

/* Starts a step, in which LOG_FILES_STEP bytes may be read. */
void log_files_begin_step(struct log_files *f);

/* Returns an inotify descriptor that is readable after a change, or -1. log_files_clear_events
 * reads its events. */
int log_files_events(const struct log_files *f);
void log_files_clear_events(struct log_files *f);

#endif
