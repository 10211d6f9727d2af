/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Metrics of the process (CPU, memory, descriptors, start time) under the names of Prometheus' own
 * client libraries, and the program's version.
 */
#ifndef BASE_PROCESS_METRICS_PROCESS_H
#define BASE_PROCESS_METRICS_PROCESS_H

#include "base/metrics.h"

extern const struct metrics_table metrics_process_table;

/* Read once at the start, so that clock corrections do not change the start time. */
struct metrics_process {
	int64_t started_us; /* since 1970 UTC */
};
void metrics_process_init(struct metrics_process *p);

/* Appends the current values. Leaves out those that can't be read (no /proc). */
void metrics_process_write(const struct metrics_process *p, struct buf *out);

#endif
