/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stores the observer, which is part of the log's global state.
 */
#include "base/log/log_observer.h"

static struct {
	log_observer_fn *fn; /* NULL: no observer */
	void *arg;
} observer;

void
log_observe(log_observer_fn *fn, void *arg)
{
	observer.fn = fn;
	observer.arg = arg;
}

bool
log_is_observed(void)
{
	return observer.fn != NULL;
}

void
log_show_observer(const struct log_record *record)
{
	if (observer.fn != NULL)
		observer.fn(record, observer.arg);
}
