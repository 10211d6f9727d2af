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

/* NULL without memory. ring and patterns outlive it. */
struct log_reader *log_reader_new(const struct log_reader_options *options,
				  const struct log_query *query) MUST_CHECK;
void log_reader_free(struct log_reader *r); /* NULL is fine */

enum log_reader_result {
	LOG_READER_RECORD,
	LOG_READER_BUSY, /* there is more to do: come back after others had their turn */
	LOG_READER_END,	 /* nothing more; for a follower, until something is written */
};

/* The record is valid until the next call. */
enum log_reader_result log_reader_next(struct log_reader *r, struct log_record *record);

/* Before the first log_reader_next of a round of the event loop. */
void log_reader_begin_step(struct log_reader *r);

/* Looks for new, replaced and truncated files from now on, once; for followers. */
void log_reader_look(struct log_reader *r);

/* A descriptor that is readable when a file changed, or -1: not before LOG_READER_END. */
int log_reader_events(const struct log_reader *r);
void log_reader_clear_events(struct log_reader *r);

#endif
