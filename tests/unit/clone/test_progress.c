/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Progress: the JSON that worker and parent exchange, percent, rate, phases, words.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>

#include "clone/progress.h"
#include "clone/worker/report.h"

static const struct clone_settings settings = {
	.url = {.scheme = {"https", 5},
		.host = {"gitlab.example.com", 18},
		.port = 443,
		.path = {"/group/project.git", 18}},
	.gitlab_url = {.scheme = {"https", 5}, .host = {"gitlab.example.com", 18}, .port = 443},
	.dir = "/projects/project",
	.ref = "topic",
};

static const struct clone_progress sample = {
	.phase = CLONE_RECEIVING,
	.counters.objects_done = 3,
	.counters.objects_total = 10,
	.counters.deltas_done = 1,
	.counters.deltas_total = 2,
	.counters.files_done = 4,
	.counters.files_total = 5,
	.counters.bytes = 1234567890123,
	.lfs = {2, 3, 4000000000000, 5000000000000},
	.rate.bytes_per_s = 42,
	.rate.left_s = 77,
	.attempt = 2,
	.notes = CLONE_NOTE_LFS | CLONE_NOTE_EXISTING,
	.started_at_s = 1700000000,
	.percent = 18,
	.message = "Receiving \"x\"\n",
};

static void
test_json_round_trip(void **state)
{
	struct clone_progress parsed;
	struct err e = ERR_INIT;
	struct buf line;

	(void)state;
	buf_init(&line, CLONE_PROGRESS_LINE_MAX);
	assert_true(clone_progress_json(&sample, &line));
	assert_int_equal(str_find_byte(buf_view(&line), '\n'), SIZE_MAX);
	assert_true(clone_progress_parse(buf_view(&line), &parsed, &e));
	assert_int_equal(parsed.phase, CLONE_RECEIVING);
	assert_int_equal(parsed.counters.objects_done, 3);
	assert_int_equal(parsed.counters.objects_total, 10);
	assert_int_equal(parsed.counters.deltas_done, 1);
	assert_int_equal(parsed.counters.deltas_total, 2);
	assert_int_equal(parsed.counters.files_done, 4);
	assert_int_equal(parsed.counters.files_total, 5);
	assert_true(parsed.counters.bytes == 1234567890123);
	assert_int_equal(parsed.lfs.objects_done, 2);
	assert_int_equal(parsed.lfs.objects_total, 3);
	assert_true(parsed.lfs.bytes_done == 4000000000000);
	assert_true(parsed.lfs.bytes_total == 5000000000000);
	assert_int_equal(parsed.rate.bytes_per_s, 42);
	assert_int_equal(parsed.percent, 18);
	assert_int_equal(parsed.rate.left_s, 77);
	assert_int_equal(parsed.attempt, 2);
	assert_int_equal(parsed.notes, CLONE_NOTE_LFS | CLONE_NOTE_EXISTING);
	assert_int_equal(parsed.problem, CLONE_PROBLEM_NONE);
	assert_string_equal(parsed.message, "");
	buf_fini(&line);
}

static void
test_odd_lfs_figures_are_refused(void **state)
{
	static const char *const strange[] = {"7", "{}", "{\"objects_done\":-1}"};
	struct clone_progress parsed;
	struct err e = ERR_INIT;
	struct buf line;

	(void)state;
	buf_init(&line, CLONE_PROGRESS_LINE_MAX);
	for (size_t i = 0; i < sizeof(strange) / sizeof(strange[0]); i++) {
		struct str text;
		size_t at;

		buf_clear(&line);
		assert_true(clone_progress_json(&sample, &line));
		text = buf_view(&line);
		at = str_find(text, STR("\"lfs\":{"));
		assert_true(at != SIZE_MAX);
		text = str_take(text, at);
		{
			struct buf odd;

			buf_init(&odd, CLONE_PROGRESS_LINE_MAX);
			assert_true(buf_add_str(&odd, text) &&
				    buf_addf(&odd, "\"lfs\":%s}", strange[i]));
			assert_false(clone_progress_parse(buf_view(&odd), &parsed, &e));
			assert_int_equal(e.code, ERR_PROTOCOL);
			buf_fini(&odd);
		}
	}
	buf_fini(&line);
}

static void
test_history_round_trip(void **state)
{
	static const char *const strange[] = {
		"{\"state\":\"odd\",\"objects_done\":0,\"objects_total\":0,\"bytes\":0}",
		"{\"state\":\"coming\",\"objects_done\":-1,\"objects_total\":0,\"bytes\":0}",
		"{\"state\":\"coming\",\"objects_done\":0,\"bytes\":0}",
		"{}",
		"[]",
		"7",
	};
	struct clone_progress done = {.phase = CLONE_DONE,
				      .history = {CLONE_HISTORY_COMING, 3, 7, 1234567890123}};
	struct clone_progress parsed;
	struct err e = ERR_INIT;
	struct buf line;

	(void)state;
	buf_init(&line, CLONE_PROGRESS_LINE_MAX);
	assert_true(clone_progress_json(&done, &line));
	assert_true(clone_progress_parse(buf_view(&line), &parsed, &e));
	assert_memory_equal(&parsed.history, &done.history, sizeof(done.history));
	for (size_t i = 0; i < sizeof(strange) / sizeof(strange[0]); i++) {
		struct str whole = buf_view(&line);
		size_t at = str_find(whole, STR("\"history\":")) + 10;
		struct str rest = str_skip(whole, at);
		struct err why = ERR_INIT;
		struct buf text;

		buf_init(&text, CLONE_PROGRESS_LINE_MAX);
		buf_add_str(&text, str_take(whole, at));
		buf_add_str(&text, str_from(strange[i]));
		buf_add_str(&text, str_skip(rest, str_find_byte(rest, '}') + 1));
		assert_false(clone_progress_parse(buf_view(&text), &parsed, &why));
		assert_int_equal(why.code, ERR_PROTOCOL);
		buf_fini(&text);
	}
	/* History exists only after a clone that is done, never during one. */
	done.phase = CLONE_CHECKOUT;
	buf_clear(&line);
	assert_true(clone_progress_json(&done, &line));
	assert_false(clone_progress_parse(buf_view(&line), &parsed, &e));
	buf_fini(&line);
}

static void
test_every_name_comes_back(void **state)
{
	struct clone_progress parsed;
	struct err e = ERR_INIT;
	struct buf line;

	(void)state;
	buf_init(&line, CLONE_PROGRESS_LINE_MAX);
	for (int problem = CLONE_PROBLEM_NONE; problem <= CLONE_PROBLEM_INTERNAL; problem++) {
		struct clone_progress p = {
			.phase = problem == CLONE_PROBLEM_NONE ? CLONE_DONE : CLONE_FAILED,
			.problem = (enum clone_problem)problem,
		};

		buf_clear(&line);
		assert_true(clone_progress_json(&p, &line));
		assert_true(clone_progress_parse(buf_view(&line), &parsed, &e));
		assert_int_equal(parsed.problem, problem);
		assert_int_equal(parsed.phase, p.phase);
	}
	buf_fini(&line);
}

#define NUMBERS                                                                                    \
	"\"objects_done\":0,\"objects_total\":0,\"deltas_done\":0,\"deltas_total\":0,"             \
	"\"files_done\":0,\"files_total\":0,\"bytes\":0,\"bytes_per_s\":0,"                        \
	"\"left_s\":0,\"attempt\":0"

static void
test_garbage_is_refused(void **state)
{
	static const char *const lines[] = {
		"",
		"garbage",
		"[]",
		"{}",
		"{\"phase\":\"receiving\"}",
		"{\"phase\":\"unknown\",\"percent\":1," NUMBERS "}",
		"{\"phase\":1,\"percent\":1," NUMBERS "}",
		"{\"phase\":\"receiving\",\"percent\":-1," NUMBERS "}",
		"{\"phase\":\"receiving\",\"percent\":101," NUMBERS "}",
		"{\"phase\":\"receiving\",\"percent\":\"1\"," NUMBERS "}",
		"{\"phase\":\"receiving\",\"problem\":\"token\",\"percent\":1," NUMBERS "}",
		"{\"phase\":\"failed\",\"percent\":1," NUMBERS "}",
		"{\"phase\":\"failed\",\"problem\":\"unknown\",\"percent\":1," NUMBERS "}",
		"{\"phase\":\"done\",\"percent\":1,\"objects_done\":-1," NUMBERS "}",
	};
	struct clone_progress p = sample;
	struct err e = ERR_INIT;

	(void)state;
	assert_true(clone_progress_parse(
		str_from("{\"phase\":\"receiving\",\"percent\":1," NUMBERS "}"), &p, &e));
	p = sample;
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		assert_false(clone_progress_parse(str_from(lines[i]), &p, &e));
		assert_int_equal(e.code, ERR_PROTOCOL);
		assert_int_equal(p.counters.objects_total, 10);
	}
}

static void
test_percent_only_grows(void **state)
{
	struct clone_progress p = {.phase = CLONE_CONNECTING};

	(void)state;
	progress_update_percent(&p);
	assert_int_equal(p.percent, 0);
	p.phase = CLONE_RECEIVING;
	p.counters.objects_total = 2;
	p.counters.objects_done = 1;
	progress_update_percent(&p);
	assert_in_range(p.percent, 2, 59);
	unsigned half = p.percent;
	p.counters.objects_total = 1000; /* the server has corrected its total */
	progress_update_percent(&p);
	assert_int_equal(p.percent, half);
	p.phase = CLONE_RESOLVING;
	progress_update_percent(&p);
	assert_true(p.percent > half);
	p.phase = CLONE_CHECKOUT;
	p.counters.files_done = p.counters.files_total = 7;
	progress_update_percent(&p);
	assert_in_range(p.percent, 90, 99);
	p.phase = CLONE_FAILED;
	progress_update_percent(&p);
	assert_in_range(p.percent, 90, 99);
	p.phase = CLONE_DONE;
	progress_update_percent(&p);
	assert_int_equal(p.percent, 100);
}

static void
test_percent_with_absurd_totals(void **state)
{
	struct clone_progress p = {.phase = CLONE_RECEIVING,
				   .counters.objects_done = UINT64_MAX,
				   .counters.objects_total = 1};

	(void)state;
	progress_update_percent(&p);
	assert_int_equal(p.percent, 60);
	p = (struct clone_progress){.phase = CLONE_RECEIVING,
				    .counters.objects_done = UINT64_MAX - 1,
				    .counters.objects_total = UINT64_MAX};
	progress_update_percent(&p);
	assert_in_range(p.percent, 59, 60);
}

static void
test_rate_follows_the_last_seconds(void **state)
{
	struct progress_meter m = {.count = 0};
	uint64_t rate = 0;

	(void)state;
	assert_int_equal(progress_meter_add(&m, 1000, 0), 0);
	for (uint64_t i = 1; i <= 20; i++)
		rate = progress_meter_add(&m, 1000 + i * 500, i * 1000);
	assert_int_equal(rate, 2000);
	for (uint64_t i = 1; i <= 8; i++)
		rate = progress_meter_add(&m, 11000 + i * 500, 20000);
	assert_int_equal(rate, 0);
	assert_int_equal(progress_meter_add(&m, 16000, 5), 0);
}

static void
test_phases_follow_in_order(void **state)
{
	(void)state;
	assert_true(progress_may_follow(CLONE_WAITING, CLONE_CONNECTING));
	assert_true(progress_may_follow(CLONE_FAILED, CLONE_CONNECTING));
	assert_true(progress_may_follow(CLONE_CONNECTING, CLONE_DONE));
	assert_true(progress_may_follow(CLONE_CHECKOUT, CLONE_FAILED));
	assert_true(progress_may_follow(CLONE_RESOLVING, CLONE_RESOLVING));
	assert_false(progress_may_follow(CLONE_CHECKOUT, CLONE_RECEIVING));
	assert_true(progress_may_follow(CLONE_CHECKOUT, CLONE_CONNECTING)); /* another attempt */
	assert_false(progress_may_follow(CLONE_RECEIVING, CLONE_WAITING));
	assert_false(progress_may_follow(CLONE_DONE, CLONE_CONNECTING));
	assert_false(progress_may_follow(CLONE_OFF, CLONE_CONNECTING));
	assert_false(progress_may_follow(CLONE_WAITING, CLONE_DONE));
}

static void
test_every_state_has_a_message(void **state)
{
	struct clone_progress p = {.phase = CLONE_OFF};

	(void)state;
	for (int phase = CLONE_OFF; phase < CLONE_FAILED; phase++) {
		p.phase = (enum clone_phase)phase;
		progress_describe(&p, &settings);
		assert_true(strlen(p.message) > 10);
		assert_false(p.can_retry);
	}
	p.phase = CLONE_FAILED;
	for (int problem = CLONE_PROBLEM_TOKEN; problem <= CLONE_PROBLEM_INTERNAL; problem++) {
		p.problem = (enum clone_problem)problem;
		progress_describe(&p, &settings);
		assert_true(strlen(p.message) > 40);
		assert_true(p.can_retry == (problem != CLONE_PROBLEM_REFUSED));
	}
	p.problem = CLONE_PROBLEM_REF;
	progress_describe(&p, &settings);
	assert_non_null(
		strstr(p.message, "group/project has no branch, tag or commit named \"topic\""));
}

static void
test_messages_omit_the_relative_root(void **state)
{
	struct clone_settings rooted = settings;
	struct clone_progress p = {.phase = CLONE_RECEIVING};

	(void)state;
	rooted.url.path = STR("/gitlab/group/project");
	rooted.gitlab_url.path = STR("/gitlab");
	progress_describe(&p, &rooted);
	assert_string_equal(p.message, "Receiving group/project.");
	rooted.gitlab_url.path = STR("/git");
	progress_describe(&p, &rooted);
	assert_string_equal(p.message, "Receiving gitlab/group/project.");
}

static void
test_messages_are_bounded(void **state)
{
	struct clone_settings longest = settings;
	struct clone_progress p = {.phase = CLONE_FAILED};
	char text[4096];

	(void)state;
	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	longest.url.path = str_from(text);
	longest.url.host = str_from(text);
	longest.dir = text;
	longest.ref = text;
	for (int problem = CLONE_PROBLEM_TOKEN; problem <= CLONE_PROBLEM_INTERNAL; problem++) {
		p.problem = (enum clone_problem)problem;
		progress_describe(&p, &longest);
		assert_true(strlen(p.message) < sizeof(p.message) - 1);
		assert_int_equal(p.message[strlen(p.message) - 1], '.');
	}
}

static void
test_sizes_for_people(void **state)
{
	char text[32];

	(void)state;
	report_format_size(0, text, sizeof(text));
	assert_string_equal(text, "0 B");
	report_format_size(999, text, sizeof(text));
	assert_string_equal(text, "999 B");
	report_format_size(1536, text, sizeof(text));
	assert_string_equal(text, "1.5 KiB");
	report_format_size(5u << 20, text, sizeof(text));
	assert_string_equal(text, "5.0 MiB");
	report_format_size(UINT64_MAX, text, sizeof(text));
	assert_non_null(strstr(text, "TiB"));
}

static void
test_estimate_of_the_time_left(void **state)
{
	struct clone_progress p = {.phase = CLONE_RECEIVING, .counters.objects_total = 1000};
	struct progress_phase phase = {.phase = CLONE_OFF};

	(void)state;
	progress_estimate_left(&p, &phase, 5000);
	assert_int_equal(p.rate.left_s, 0);
	p.counters.objects_done = 100;
	progress_estimate_left(&p, &phase, 5500); /* too early to say */
	assert_int_equal(p.rate.left_s, 0);
	progress_estimate_left(&p, &phase, 15000);
	assert_int_equal(p.rate.left_s, 91);
	p.counters.objects_done = 1000;
	progress_estimate_left(&p, &phase, 16000);
	assert_int_equal(p.rate.left_s, 0);
	p.phase = CLONE_CHECKOUT; /* counts from here */
	p.counters.files_total = 10;
	progress_estimate_left(&p, &phase, 17000);
	p.counters.files_done = 5;
	progress_estimate_left(&p, &phase, 27000);
	assert_int_equal(p.rate.left_s, 11);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_json_round_trip),
		cmocka_unit_test(test_odd_lfs_figures_are_refused),
		cmocka_unit_test(test_history_round_trip),
		cmocka_unit_test(test_every_name_comes_back),
		cmocka_unit_test(test_garbage_is_refused),
		cmocka_unit_test(test_percent_only_grows),
		cmocka_unit_test(test_percent_with_absurd_totals),
		cmocka_unit_test(test_rate_follows_the_last_seconds),
		cmocka_unit_test(test_phases_follow_in_order),
		cmocka_unit_test(test_every_state_has_a_message),
		cmocka_unit_test(test_messages_omit_the_relative_root),
		cmocka_unit_test(test_messages_are_bounded),
		cmocka_unit_test(test_sizes_for_people),
		cmocka_unit_test(test_estimate_of_the_time_left),
	};

	return cmocka_run_group_tests_name("clone/progress", tests, NULL, NULL);
}
