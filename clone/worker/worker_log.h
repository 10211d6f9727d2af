/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sends log lines of the worker to the observer of its parent's log: each is a line of JSON on the
 * progress pipe, beside standard error.
 */
#ifndef CLONE_WORKER_WORKER_LOG_H
#define CLONE_WORKER_WORKER_LOG_H

#include "base/log/log_record.h"

/* In the worker, for log_observe: sends a line; arg points to the pipe's descriptor. Lines longer
 * than CLONE_PROGRESS_LINE_MAX lose their fields. Any thread may call it. */
log_observer_fn worker_log_send;

/* In the parent: whether the line from the pipe is a log line. */
bool worker_log_is_line(struct str line);

/* Checks such a line and passes it to the observer. ERR_PROTOCOL: it is malformed. */
bool worker_log_receive(struct str line, struct err *e) MUST_CHECK;

#endif
