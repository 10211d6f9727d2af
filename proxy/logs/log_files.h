/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The files that LOG_FILES matches, read line by line for one viewer.
 *
 * The workspace's user can write to their directories, so nothing there is trusted: no link is
 * followed, only regular files are opened, every step reads a bounded piece. Rotation (a new file
 * under the name) and truncation are noticed by log_files_look.
 */
#ifndef PROXY_LOGS_LOG_FILES_H
#define PROXY_LOGS_LOG_FILES_H

#include "proxy/logs/log_patterns.h"

#define LOG_FILES_MAX	  16		  /* the most recently changed ones */
#define LOG_FILES_WINDOW  (1024u * 1024u) /* of what a file holds at first: the last so much */
#define LOG_FILES_BACKLOG (256u * 1024u)  /* a follower further behind skips … */
#define LOG_FILES_RESUME  (64u * 1024u)	  /* … to this far before the end */
#define LOG_FILES_STEP	  (64u * 1024u)	  /* read at most at once */

struct log_files;

struct log_file_line {
	struct str text; /* without its newline; valid until the next call */
	const char *file;
	uint64_t at;		 /* for log_files_seek */
	uint64_t left_out_bytes; /* > 0: no line, but so much was skipped before the next one */
	int64_t changed_ms;	 /* of the file, when it was opened */
	bool is_cut;		 /* only the beginning of the line */
	bool is_old;		 /* it was there when the file was opened */
};

enum log_files_result {
	LOG_FILES_LINE,
	LOG_FILES_NONE, /* no whole line is left */
	LOG_FILES_BUSY, /* so much was read that the caller should give others a turn */
};

/* NULL without memory. The patterns outlive it. window_bytes: what is read of a file that is there
 * already, at most LOG_FILES_WINDOW. */
struct log_files *log_files_new(const struct log_patterns *patterns,
				uint64_t window_bytes) MUST_CHECK;
void log_files_free(struct log_files *f); /* NULL is fine */

/* Looks for new, replaced and truncated files, in pieces: true when this look is complete. */
bool log_files_look(struct log_files *f) MUST_CHECK;

/* Slots of files are numbered from 0; those without a file have no lines. The first line that has
 * not been taken: */
enum log_files_result log_files_peek(struct log_files *f, size_t slot, struct log_file_line *line);
void log_files_take(struct log_files *f, size_t slot);

/* Goes back to a line of the same file. */
void log_files_seek(struct log_files *f, size_t slot, uint64_t at);

/* Until now only what was there at first is read; from now on what is added too. */
void log_files_follow(struct log_files *f);

/* A new round of the event loop: another LOG_FILES_STEP may be read. */
void log_files_begin_step(struct log_files *f);

/* A descriptor that is readable when something changed (inotify), or -1; log_files_clear_events
 * empties it. */
int log_files_events(const struct log_files *f);
void log_files_clear_events(struct log_files *f);

#endif
