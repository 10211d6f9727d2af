/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The log as one viewer sees it: our own lines and those of the workspace's files, filtered and in
 * the order of their times; first the last existing lines, then, if requested, new ones.
 *
 * Work is done in bounded steps on request of the caller: without viewers nothing is read.
 */
#ifndef PROXY_LOGS_LOG_READER_H
#define PROXY_LOGS_LOG_READER_H

#include "base/log/log_ring.h"
#include "proxy/logs/log_patterns.h"
#include "proxy/logs/log_query.h"

struct log_reader;

struct log_reader_options {
	const struct log_ring *ring;
	const struct log_patterns *patterns;
	bool follows;
	uint64_t window_bytes; /* of each file; see log_files_new */
};

/* ring and patterns outlive the reader. NULL: out of memory. */
struct log_reader *log_reader_new(const struct log_reader_options *options,
				  const struct log_query *query) MUST_CHECK;
void log_reader_free(struct log_reader *r); /* does nothing for NULL */

enum log_reader_result {
	LOG_READER_RECORD,
	LOG_READER_BUSY, /* the limit of this step is reached: continue later */
	LOG_READER_END,	 /* no more records; for a follower, until a line is written */
};

/* Reads the next record, which is valid until the next call. */
enum log_reader_result log_reader_next(struct log_reader *r, struct log_record *record);

/* Starts a step: call it before the first log_reader_next of an iteration of the event loop. */
void log_reader_begin_step(struct log_reader *r);

/* Requests a look for new, replaced and truncated files, if the reader follows. */
void log_reader_refresh(struct log_reader *r);

/* Returns a descriptor that is readable after a file changed, or -1. Use it after LOG_READER_END.
 */
int log_reader_events(const struct log_reader *r);
void log_reader_clear_events(struct log_reader *r);

#endif
