/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One observer of the log, besides the sink: it gets every line as a record, except access log
 * lines.
 */
#ifndef BASE_LOG_LOG_OBSERVER_H
#define BASE_LOG_LOG_OBSERVER_H

#include "base/log/log_record.h"

/*
 * Calls fn from now on for every line, whether or not the sink takes it, on the thread that logs.
 * fn must not log. The record's views are valid until fn returns. NULL removes the observer. Call
 * it before other threads log.
 */
typedef void log_observer_fn(const struct log_record *record, void *arg);
void log_observe(log_observer_fn *fn, void *arg);

bool log_is_observed(void);

/* Passes a line to the observer: one of the log, or one that another process wrote. */
void log_show_observer(const struct log_record *record);

#endif
