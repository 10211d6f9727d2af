/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The parameters of a request for the log, from its query.
 */
#ifndef PROXY_LOGS_LOG_QUERY_H
#define PROXY_LOGS_LOG_QUERY_H

#include "base/log/log_record.h"

#define LOG_QUERY_LINES	    200u /* default of lines */
#define LOG_QUERY_LINES_MAX 1000u

struct log_query {
	unsigned sources;     /* bits: 1 << enum log_source */
	enum log_level level; /* the least severe one */
	int64_t since_ms;     /* wall clock; older records are skipped */
	size_t lines;	      /* number of existing lines to send */
};

/*
 * source=proxy,clone,ide  since=2026-01-31T12:00:00Z  level=warn  lines=50, each at most once.
 * ERR_INPUT names the parameter that is unknown, repeated or has no valid value.
 */
bool log_query_parse(struct log_query *q, struct str query, struct err *e) MUST_CHECK;

static inline bool
log_query_has_source(const struct log_query *q, enum log_source source)
{
	return (q->sources & 1u << source) != 0;
}

#endif
