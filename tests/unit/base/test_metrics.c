/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Metrics as text: every value of every label, histograms that add up, seconds from microseconds,
 * who has what, the documentation.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/process/metrics_process.h"

enum { SOURCE_LEFT = 1, SOURCE_RIGHT = 2 };

struct values {
	uint64_t plain;
	uint64_t grid[2][3];
	int64_t level;
	int64_t expires_at;
	uint64_t busy_us;
	struct metrics_histogram wait[2];
};

static const char *const sides[] = {"left", "right"};
static const char *const outcomes[] = {"ok", "failed", "late"};
static const char *const sources[] = {"left", "right", NULL};
static const struct metrics_bounds bounds = {.count = 3, .upper = {1000, 250000, 2000000}};

#define FIELD(field) METRICS_FIELD(struct values, field)
static const struct metrics_family families[] = {
	{.name = "plain_total", .type = METRICS_COUNTER, FIELD(plain), .help = "Plain."},
	{.name = "grid_total",
	 .type = METRICS_COUNTER,
	 .sources = SOURCE_LEFT,
	 FIELD(grid),
	 .labels = {METRICS_LABEL("side", sides), METRICS_LABEL("outcome", outcomes)},
	 .help = "Grid."},
	{.name = "level", .type = METRICS_GAUGE, FIELD(level), .help = "Level."},
	{.name = "expires_seconds",
	 .type = METRICS_GAUGE,
	 .omits_zero = true,
	 FIELD(expires_at),
	 .help = "Expires."},
	{.name = "busy_seconds_total",
	 .type = METRICS_COUNTER,
	 .unit = METRICS_MICROSECONDS,
	 FIELD(busy_us),
	 .help = "Busy."},
	{.name = "wait_seconds",
	 .type = METRICS_HISTOGRAM,
	 .unit = METRICS_MICROSECONDS,
	 .sources = SOURCE_RIGHT,
	 FIELD(wait),
	 .labels = {METRICS_LABEL("side", sides)},
	 .bounds = &bounds,
	 .help = "Wait."},
};
static const struct metrics_table table = {
	.heading = "Doors",
	.families = families,
	.count = sizeof(families) / sizeof(families[0]),
	.sources = sources,
};

/* The lines, without comments, of one source; the caller frees. */
static char *
written(const struct values *v, unsigned source)
{
	struct buf out;
	struct buf lines;
	struct str line;

	buf_init(&out, 65536);
	buf_init(&lines, 65536);
	metrics_write(&table, v, source, &out);
	assert_true(buf_is_ok(&out));
	struct str rest = buf_view(&out);
	while (str_next(&rest, '\n', &line))
		if (!str_is_empty(line) && line.data[0] != '#')
			buf_addf(&lines, "%.*s\n", STR_FMT(line));
	char *text = str_dup(buf_view(&lines));
	buf_fini(&out);
	buf_fini(&lines);
	assert_non_null(text);
	return text;
}

static void
assert_has(const char *text, const char *expected)
{
	if (strstr(text, expected) == NULL)
		fail_msg("no \"%s\" in\n%s", expected, text);
}

static void
test_every_value_of_a_label_is_there(void **state)
{
	struct values v = {.plain = UINT64_MAX, .level = -3, .busy_us = 1500000};

	(void)state;
	v.grid[1][2] = 7;
	char *text = written(&v, SOURCE_LEFT);
	assert_string_equal(text, "plain_total 18446744073709551615\n"
				  "grid_total{side=\"left\",outcome=\"ok\"} 0\n"
				  "grid_total{side=\"left\",outcome=\"failed\"} 0\n"
				  "grid_total{side=\"left\",outcome=\"late\"} 0\n"
				  "grid_total{side=\"right\",outcome=\"ok\"} 0\n"
				  "grid_total{side=\"right\",outcome=\"failed\"} 0\n"
				  "grid_total{side=\"right\",outcome=\"late\"} 7\n"
				  "level -3\n"
				  "busy_seconds_total 1.5\n");
	free(text);
}

static void
test_a_histogram_adds_up(void **state)
{
	static const uint64_t observed[] = {0, 1000, 1001, 250000, 2000001, 90000000};
	struct values v = {.plain = 0};

	(void)state;
	for (size_t i = 0; i < sizeof(observed) / sizeof(observed[0]); i++)
		metrics_observe(&v.wait[1], &bounds, observed[i]);
	char *text = written(&v, SOURCE_RIGHT);
	assert_has(text, "wait_seconds_bucket{side=\"left\",le=\"+Inf\"} 0\n"
			 "wait_seconds_sum{side=\"left\"} 0\n"
			 "wait_seconds_count{side=\"left\"} 0\n");
	assert_has(text, "wait_seconds_bucket{side=\"right\",le=\"0.001\"} 2\n"
			 "wait_seconds_bucket{side=\"right\",le=\"0.25\"} 4\n"
			 "wait_seconds_bucket{side=\"right\",le=\"2\"} 4\n"
			 "wait_seconds_bucket{side=\"right\",le=\"+Inf\"} 6\n"
			 "wait_seconds_sum{side=\"right\"} 92.252002\n"
			 "wait_seconds_count{side=\"right\"} 6\n");
	assert_null(strstr(text, "grid_total"));
	free(text);
}

static void
test_unknown_values_are_left_out(void **state)
{
	struct values v = {.expires_at = 0};

	(void)state;
	char *text = written(&v, SOURCE_LEFT);
	assert_null(strstr(text, "expires_seconds"));
	free(text);
	v.expires_at = 1893456000;
	text = written(&v, SOURCE_LEFT);
	assert_has(text, "expires_seconds 1893456000\n");
	free(text);
}

static void
test_bounds_ascend(void **state)
{
	const struct metrics_bounds *b = &metrics_latency_bounds;

	(void)state;
	assert_in_range(b->count, 1, METRICS_BOUNDS_MAX);
	for (size_t i = 1; i < b->count; i++)
		assert_true(b->upper[i] > b->upper[i - 1]);
}

static void
test_a_full_buffer_fails(void **state)
{
	struct values v = {.plain = 1};
	struct buf out;

	(void)state;
	buf_init(&out, 100);
	metrics_write(&table, &v, SOURCE_LEFT, &out);
	assert_false(buf_is_ok(&out));
	buf_fini(&out);
}

static void
test_documentation(void **state)
{
	char *text = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&text, &len);

	(void)state;
	assert_non_null(out);
	metrics_print_markdown(&table, out);
	assert_int_equal(fclose(out), 0);
	assert_has(text, "\n## Doors\n");
	assert_has(text, "| `plain_total` | counter |  | left, right | Plain. |\n");
	assert_has(text,
		   "| `grid_total` | counter | `side`: left, right; `outcome`: ok, failed, late "
		   "| left | Grid. |\n");
	assert_has(text, "| `wait_seconds` | histogram | `side`: left, right | right | Wait. |\n");
	free(text);
}

/* The figures differ from run to run; that each is there and can be true does not. */
static void
test_the_process(void **state)
{
	static const char *const names[] = {
		"\nprocess_resident_memory_bytes ",
		"\nprocess_virtual_memory_bytes ",
		"\nprocess_open_fds ",
		"\nprocess_max_fds ",
		"\nprocess_threads ",
		"\nprocess_start_time_seconds ",
	};
	struct metrics_process p;
	struct buf out;

	(void)state;
	buf_init(&out, 65536);
	metrics_process_init(&p);
	metrics_process_write(&p, &out);
	assert_true(buf_add_byte(&out, '\0') && buf_is_ok(&out));
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		assert_has(out.data, names[i]);
		assert_true(strtod(strstr(out.data, names[i]) + strlen(names[i]), NULL) >= 1);
	}
	assert_has(out.data, "\nprocess_cpu_seconds_total ");
	assert_has(out.data, "workspace_proxy_build_info{version=\"" VERSION "\"} 1\n");
	buf_fini(&out);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_value_of_a_label_is_there),
		cmocka_unit_test(test_a_histogram_adds_up),
		cmocka_unit_test(test_unknown_values_are_left_out),
		cmocka_unit_test(test_bounds_ascend),
		cmocka_unit_test(test_a_full_buffer_fails),
		cmocka_unit_test(test_documentation),
		cmocka_unit_test(test_the_process),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
