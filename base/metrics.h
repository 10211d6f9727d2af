/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Metrics in Prometheus' text exposition format, version 0.0.4, and their documentation from the
 * same rows.
 *
 * Each module keeps its counters in a plain struct of integers, where a label is an index by an
 * enum, and a static const table names the fields. An observation is one increment, nothing is
 * allocated, and what was never counted is 0. One thread, no globals.
 *
 *	struct cache_metrics { uint64_t lookups[CACHE_OUTCOMES]; };
 *	m->lookups[CACHE_HIT]++;
 */
#ifndef BASE_METRICS_H
#define BASE_METRICS_H

#include <stdio.h>

#include "base/str.h"

#define METRICS_CONTENT_TYPE "text/plain; version=0.0.4; charset=utf-8"

enum metrics_type {
	METRICS_COUNTER, /* uint64_t; its name ends in _total */
	METRICS_GAUGE,	 /* int64_t */
	METRICS_HISTOGRAM,
};

/* The unit of the integers, which determines how they are printed. */
enum metrics_unit {
	METRICS_PLAIN,	      /* a count, bytes, whole seconds */
	METRICS_MICROSECONDS, /* printed as seconds: the name says _seconds */
};

/* Ascending upper bounds. A value above the last one counts as +Inf. */
#define METRICS_BOUNDS_MAX 16
struct metrics_bounds {
	size_t count;
	uint64_t upper[METRICS_BOUNDS_MAX];
};

/* Bounds for durations in microseconds, from half a millisecond to a minute. */
extern const struct metrics_bounds metrics_latency_bounds;

struct metrics_histogram {
	uint64_t counts[METRICS_BOUNDS_MAX + 1]; /* not cumulative */
	uint64_t sum;
};

static inline void
metrics_observe(struct metrics_histogram *h, const struct metrics_bounds *bounds, uint64_t value)
{
	size_t i = 0;

	while (i < bounds->count && value > bounds->upper[i])
		i++;
	h->counts[i]++;
	h->sum += value;
}

struct metrics_label {
	const char *name;
	const char *const *values; /* indexed by an enum; none needs escapes */
	size_t count;
};
#define METRICS_LABEL(name, values)                                                                \
	{                                                                                          \
		(name), (values), sizeof(values) / sizeof((values)[0])                             \
	}

#define METRICS_LABELS_MAX 3
struct metrics_family {
	const char *name; /* the whole name, such as "workspace_proxy_logins_total" */
	enum metrics_type type;
	enum metrics_unit unit;
	unsigned sources; /* bits of the table's sources that have it; 0: all */
	bool omits_zero;  /* for gauges that are unknown when 0 */
	size_t offset;	  /* of the field: an array with a dimension for each label, in order */
	size_t size;
	struct metrics_label labels[METRICS_LABELS_MAX];
	const struct metrics_bounds *bounds; /* of a histogram */
	const char *help;		     /* one sentence, plain text */
};
#define METRICS_FIELD(type, field)                                                                 \
	.offset = offsetof(type, field), .size = sizeof(((type *)0)->field)
/* Starts a row. */
#define METRICS_ROW(family, kind, structure, field)                                                \
	.name = (family), .type = (kind), METRICS_FIELD(structure, field)

struct metrics_table {
	const char *heading; /* of its part of the documentation */
	const struct metrics_family *families;
	size_t count;
	/* Names of the bits of metrics_family.sources for the documentation, NULL-terminated. */
	const char *const *sources;
};

/* Appends the families of one source. If they do not fit, the buffer fails. */
void metrics_write(const struct metrics_table *table, const void *values, unsigned source,
		   struct buf *out);

/* Prints one section of docs/metrics.md. */
void metrics_print_markdown(const struct metrics_table *table, FILE *out);

#endif
