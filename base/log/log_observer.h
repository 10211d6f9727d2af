/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One observer of the log, besides the sink: it gets every line as a record, except access log
 * lines.
 */
#ifndef BASE_LOG_LOG_OBSERVER_H
#define BASE_LOG_LOG_OBSERVER_H

#include "base/log/log_record.h"

/*
 * From now on fn is called with every line that is written, or that the sink did not take, on the
 * thread that logs, which must not log in it. The record's views are valid until it returns. NULL
 * ends it. Before other threads log.
 */
typedef void log_observer_fn(const struct log_record *record, void *arg);
void log_observe(log_observer_fn *fn, void *arg);

bool log_is_observed(void);

/* Shows it a line: of the log, or one that another process wrote. */
void log_show_observer(const struct log_record *record);

#endif
