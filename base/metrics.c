/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writes metrics and their documentation. The format:
 * https://prometheus.io/docs/instrumenting/exposition_formats/.
 */
#include "base/metrics.h"

#include <inttypes.h>

#define US_PER_S 1000000u

const struct metrics_bounds metrics_latency_bounds = {
	.count = 16,
	.upper = {500, 1000, 2500, 5000, 10000, 25000, 50000, 100000, 250000, 500000, 1000000,
		  2500000, 5000000, 10000000, 30000000, 60000000},
};

static const char *const type_names[] = {
	[METRICS_COUNTER] = "counter",
	[METRICS_GAUGE] = "gauge",
	[METRICS_HISTOGRAM] = "histogram",
};

/* Returns the number of labels, which all values of a family share. */
static size_t
count_labels(const struct metrics_family *f)
{
	size_t n = 0;

	while (n < METRICS_LABELS_MAX && f->labels[n].name != NULL)
		n++;
	return n;
}

static size_t
count_values(const struct metrics_family *f)
{
	size_t count = 1;

	for (size_t i = 0; i < count_labels(f); i++)
		count *= f->labels[i].count;
	return count;
}

static void
write_seconds(uint64_t us, struct buf *out)
{
	buf_addf(out, "%" PRIu64, us / US_PER_S);
	uint64_t rest = us % US_PER_S;
	int digits = 6;
	if (rest == 0)
		return;
	for (; rest % 10 == 0; rest /= 10)
		digits--;
	buf_addf(out, ".%0*" PRIu64, digits, rest);
}

static void
write_unsigned(const struct metrics_family *f, uint64_t value, struct buf *out)
{
	if (f->unit == METRICS_MICROSECONDS)
		write_seconds(value, out);
	else
		buf_addf(out, "%" PRIu64, value);
}

/* Writes the labels of the index-th value; the last label varies fastest. A histogram's buckets
 * also have "le": the bound, or +Inf after the last one. */
static void
write_labels(const struct metrics_family *f, size_t index, const size_t *bound, struct buf *out)
{
	size_t count = count_labels(f);
	size_t stride = count_values(f);

	if (count == 0 && bound == NULL)
		return;
	buf_add_byte(out, '{');
	for (size_t i = 0; i < count; i++) {
		const struct metrics_label *label = &f->labels[i];
		stride /= label->count;
		buf_addf(out, "%s%s=\"%s\"", i > 0 ? "," : "", label->name,
			 label->values[index / stride % label->count]);
	}
	if (bound != NULL) {
		buf_addf(out, "%sle=\"", count > 0 ? "," : "");
		if (*bound < f->bounds->count)
			write_unsigned(f, f->bounds->upper[*bound], out);
		else
			buf_add_str(out, STR("+Inf"));
		buf_add_byte(out, '"');
	}
	buf_add_byte(out, '}');
}

static void
write_histogram(const struct metrics_family *f, size_t index, const struct metrics_histogram *h,
		struct buf *out)
{
	uint64_t count = 0;

	for (size_t i = 0; i <= f->bounds->count; i++) {
		count += h->counts[i];
		buf_addf(out, "%s_bucket", f->name);
		write_labels(f, index, &i, out);
		buf_addf(out, " %" PRIu64 "\n", count);
	}
	buf_addf(out, "%s_sum", f->name);
	write_labels(f, index, NULL, out);
	buf_add_byte(out, ' ');
	write_unsigned(f, h->sum, out);
	buf_addf(out, "\n%s_count", f->name);
	write_labels(f, index, NULL, out);
	buf_addf(out, " %" PRIu64 "\n", count);
}

static void
write_number(const struct metrics_family *f, size_t index, uint64_t value, struct buf *out)
{
	if (f->omits_zero && value == 0)
		return;
	buf_add_str(out, str_from(f->name));
	write_labels(f, index, NULL, out);
	buf_add_byte(out, ' ');
	if (f->type == METRICS_GAUGE && f->unit == METRICS_PLAIN)
		buf_addf(out, "%" PRId64, (int64_t)value);
	else
		write_unsigned(f, value, out);
	buf_add_byte(out, '\n');
}

static void
write_family(const struct metrics_family *f, const void *field, struct buf *out)
{
	size_t count = count_values(f);
	const struct metrics_histogram *histograms = field;
	const uint64_t *numbers = field; /* reads an int64_t as a uint64_t, which C allows */
	bool is_histogram = f->type == METRICS_HISTOGRAM;

	err_assert(f->size == count * (is_histogram ? sizeof(*histograms) : sizeof(*numbers)));
	buf_addf(out, "# HELP %s %s\n# TYPE %s %s\n", f->name, f->help, f->name,
		 type_names[f->type]);
	for (size_t i = 0; i < count; i++) {
		if (is_histogram)
			write_histogram(f, i, &histograms[i], out);
		else
			write_number(f, i, numbers[i], out);
	}
}

void
metrics_write(const struct metrics_table *table, const void *values, unsigned source,
	      struct buf *out)
{
	for (size_t i = 0; i < table->count; i++) {
		const struct metrics_family *f = &table->families[i];
		if (f->sources == 0 || (f->sources & source) != 0)
			write_family(f, (const char *)values + f->offset, out);
	}
}

static void
print_labels(const struct metrics_family *f, FILE *out)
{
	for (size_t i = 0; i < count_labels(f); i++) {
		const struct metrics_label *label = &f->labels[i];
		(void)fprintf(out, "%s`%s`: ", i > 0 ? "; " : "", label->name);
		for (size_t j = 0; j < label->count; j++)
			(void)fprintf(out, "%s%s", j > 0 ? ", " : "", label->values[j]);
	}
}

static void
print_sources(const struct metrics_table *table, const struct metrics_family *f, FILE *out)
{
	const char *separator = "";

	for (size_t i = 0; table->sources[i] != NULL; i++)
		if (f->sources == 0 || (f->sources & 1u << i) != 0) {
			(void)fprintf(out, "%s%s", separator, table->sources[i]);
			separator = ", ";
		}
}

void
metrics_print_markdown(const struct metrics_table *table, FILE *out)
{
	(void)fprintf(
		out,
		"\n## %s\n\n| name | type | labels | from | meaning |\n|---|---|---|---|---|\n",
		table->heading);
	for (size_t i = 0; i < table->count; i++) {
		const struct metrics_family *f = &table->families[i];
		(void)fprintf(out, "| `%s` | %s | ", f->name, type_names[f->type]);
		print_labels(f, out);
		(void)fputs(" | ", out);
		print_sources(table, f, out);
		(void)fprintf(out, " | %s |\n", f->help);
	}
}
