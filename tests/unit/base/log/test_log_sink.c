/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Log lines on their way out: full pipes, sockets and terminals, lines that are held back, dropped
 * or torn.
 */
#include "tests/unit/base/log/log_support.h"

static void
drain_pipe(void)
{
	while (read_line() > 0)
		continue;
}

static void
fill_pipe(void)
{
	static const char block[4096];

	while (write(pipe_ends[1], block, sizeof(block)) > 0)
		continue;
}

static void
test_dropped_lines_are_counted(void **state)
{
	(void)state;
	log_configure(LOG_INFO, LOG_TEXT, pipe_ends[1]);
	fill_pipe();
	log_info(NULL, "lost");
	log_info(NULL, "lost too");
	drain_pipe();
	log_info(NULL, "here");
	assert_text_line(" INFO  here lines_dropped=2\n");
	log_info(NULL, "all well");
	assert_text_line(" INFO  all well\n");
}

static void
test_partial_line_is_ended(void **state)
{
	char value[LOG_VALUE_MAX];
	struct log_field fields[10];
	size_t len;

	(void)state;
	memset(value, 'x', sizeof(value));
	for (size_t i = 0; i < 9; i++)
		fields[i] = log_str("v", (struct str){value, sizeof(value)});
	fields[9] = LOG_END;
	log_configure(LOG_INFO, LOG_TEXT, pipe_ends[1]);
	fill_pipe();
	/* Room for one page: only a part of a longer line is written. */
	assert_int_equal(read(pipe_ends[0], line, 4096), 4096);
	log_write(LOG_INFO, NULL, "torn", fields);
	drain_pipe();
	log_info(NULL, "next");
	len = read_line();
	assert_true(len > 0);
	assert_int_equal(line[0], '\n');
	assert_string_equal(line + 1 + TIME_LEN, " INFO  next lines_dropped=1\n");
	log_info(NULL, "after");
	assert_text_line(" INFO  after\n");
}

static void
test_errno_is_left_alone(void **state)
{
	(void)state;
	log_configure(LOG_INFO, LOG_TEXT, -1);
	errno = ENOENT;
	log_info(NULL, "nowhere");
	assert_int_equal(errno, ENOENT);
}

static void
count_call(void *arg)
{
	unsigned *calls = arg;

	(*calls)++;
}

static size_t
lines_read(void)
{
	size_t lines = 0;

	read_line();
	for (const char *at = line; *at != '\0'; at++)
		lines += *at == '\n';
	return lines;
}

static void
test_held_lines_are_written_together(void **state)
{
	unsigned calls = 0;

	(void)state;
	log_configure(LOG_INFO, LOG_TEXT, pipe_ends[1]);
	log_hold(count_call, &calls);
	log_flush();
	assert_int_equal(lines_read(), 0);
	log_info(NULL, "one");
	log_info(NULL, "two");
	assert_int_equal(calls, 1);
	assert_int_equal(lines_read(), 0);
	log_flush();
	assert_int_equal(lines_read(), 2);
	assert_non_null(strstr(line, "one"));
	log_info(NULL, "three");
	assert_int_equal(calls, 2);
	log_hold(NULL, NULL);
	assert_int_equal(lines_read(), 1);
	log_info(NULL, "at once");
	assert_int_equal(lines_read(), 1);
	assert_int_equal(calls, 2);
}

static void
test_warnings_take_held_lines_along(void **state)
{
	unsigned calls = 0;

	(void)state;
	log_configure(LOG_INFO, LOG_TEXT, pipe_ends[1]);
	log_hold(count_call, &calls);
	log_info(NULL, "before");
	log_warn(NULL, "careful");
	assert_int_equal(lines_read(), 2);
	assert_true(strstr(line, "before") < strstr(line, "careful"));
	log_hold(NULL, NULL);
}

/* No write is larger than what a pipe writes atomically. */
static void
test_held_lines_are_bounded(void **state)
{
	char value[LOG_VALUE_MAX + 1];
	unsigned calls = 0;
	size_t lines = 0;

	(void)state;
	memset(value, 'v', LOG_VALUE_MAX);
	value[LOG_VALUE_MAX] = '\0';
	log_configure(LOG_INFO, LOG_TEXT, pipe_ends[1]);
	log_hold(count_call, &calls);
	for (int i = 0; i < 10; i++) {
		log_info(NULL, "many", log_cstr("value", value));
		lines += lines_read();
		assert_true(strlen(line) <= PIPE_BUF);
	}
	assert_true(lines > 0);
	log_info(NULL, "large", log_cstr("a", value), log_cstr("b", value), log_cstr("c", value),
		 log_cstr("d", value), log_cstr("e", value));
	lines += lines_read();
	log_flush();
	assert_int_equal(lines + lines_read(), 11);
	log_hold(NULL, NULL);
}

/* A file gets more in one write than a pipe. */
static void
test_files_take_larger_writes(void **state)
{
	char value[LOG_VALUE_MAX + 1];
	FILE *file = tmpfile();
	unsigned calls = 0;
	struct stat st;

	(void)state;
	assert_non_null(file);
	memset(value, 'v', LOG_VALUE_MAX);
	value[LOG_VALUE_MAX] = '\0';
	log_configure(LOG_INFO, LOG_TEXT, fileno(file));
	log_hold(count_call, &calls);
	for (int i = 0; i < 8; i++)
		log_info(NULL, "many", log_cstr("value", value));
	assert_int_equal(fstat(fileno(file), &st), 0);
	assert_int_equal(st.st_size, 0);
	log_flush();
	assert_int_equal(fstat(fileno(file), &st), 0);
	assert_true(st.st_size > 8 * LOG_VALUE_MAX);
	log_hold(NULL, NULL);
	log_configure(LOG_INFO, LOG_TEXT, pipe_ends[1]);
	assert_int_equal(fclose(file), 0);
}

static void
test_held_lines_that_are_lost_are_counted(void **state)
{
	unsigned calls = 0;

	(void)state;
	log_configure(LOG_INFO, LOG_TEXT, pipe_ends[1]);
	fill_pipe();
	log_hold(count_call, &calls);
	log_info(NULL, "one");
	log_info(NULL, "two");
	log_flush();
	drain_pipe();
	log_info(NULL, "here");
	assert_text_line(" INFO  here lines_dropped=2\n");
	log_info(NULL, "held again");
	assert_int_equal(lines_read(), 0);
	log_hold(NULL, NULL);
	assert_int_equal(lines_read(), 1);
}

/* The reader of our log may stop reading; the process must not block. */
static void
test_pipe_that_nobody_reads(void **state)
{
	int ends[2];
	bool got_signal = false;
	static char drained[LOG_PIPE_BYTES + 1];
	char longer[900];

	(void)state;
	memset(longer, 'x', sizeof(longer) - 1);
	longer[sizeof(longer) - 1] = '\0';
	assert_int_equal(pipe(ends), 0);
	int sink = log_open_sink(ends[1]);
	assert_int_not_equal(fcntl(sink, F_GETFL) & O_NONBLOCK, 0);
	assert_int_equal(fcntl(ends[1], F_GETFL) & O_NONBLOCK, 0);
	log_configure(LOG_INFO, LOG_TEXT, sink);
	for (size_t i = 0; i < 2 * LOG_PIPE_BYTES / sizeof(longer); i++)
		log_info(NULL, longer);
	assert_true(read(ends[0], drained, sizeof(drained)) > 0);
	log_info(NULL, "read again");
	close(ends[1]);
	log_configure(LOG_INFO, LOG_TEXT, pipe_ends[1]);
	close(sink);
	while (!got_signal) {
		ssize_t n = read(ends[0], drained, sizeof(drained) - 1);
		assert_true(n > 0);
		drained[n] = '\0';
		got_signal = strstr(drained, "read again lines_dropped=") != NULL;
	}
	close(ends[0]);
}

/* systemd passes a socket; its flags are shared, so they must not change. */
static void
test_socket_that_nobody_reads(void **state)
{
	uint64_t lost = log_lines_lost();
	int ends[2];
	char heard[512] = "";

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
	assert_int_equal(log_open_sink(ends[1]), ends[1]);
	log_configure(LOG_INFO, LOG_TEXT, ends[1]);
	(void)alarm(60);
	for (size_t i = 0; log_lines_lost() < lost + 10; i++)
		log_info(NULL, "a line that nobody reads");
	(void)alarm(0);
	assert_int_equal(fcntl(ends[1], F_GETFL) & O_NONBLOCK, 0);
	while (recv(ends[0], heard, sizeof(heard), MSG_DONTWAIT) > 0)
		;
	log_info(NULL, "read again");
	ssize_t len = recv(ends[0], heard, sizeof(heard) - 1, 0);
	assert_true(len > 0);
	heard[len] = '\0';
	assert_non_null(strstr(heard, "read again lines_dropped="));
	log_configure(LOG_INFO, LOG_TEXT, pipe_ends[1]);
	close(ends[0]);
	close(ends[1]);
}

/* Output of a stopped terminal (Ctrl-S) waits; the process must not block. */
static void
test_terminal_that_is_stopped(void **state)
{
	uint64_t lost = log_lines_lost();
	int terminal = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
	char name[64];

	(void)state;
	assert_true(terminal >= 0 && grantpt(terminal) == 0 && unlockpt(terminal) == 0);
	assert_int_equal(ptsname_r(terminal, name, sizeof(name)), 0);
	int shared = open(name, O_RDWR | O_NOCTTY | O_CLOEXEC);
	assert_true(shared >= 0);
	int sink = log_open_sink(shared);
	assert_int_not_equal(sink, shared);
	assert_int_equal(fcntl(shared, F_GETFL) & O_NONBLOCK, 0);
	log_configure(LOG_INFO, LOG_TEXT, sink);
	(void)alarm(60);
	while (log_lines_lost() < lost + 10)
		log_info(NULL, "a line that nobody reads");
	(void)alarm(0);
	log_configure(LOG_INFO, LOG_TEXT, pipe_ends[1]);
	close(sink);
	close(shared);
	close(terminal);
}

static void
test_sinks_that_are_no_pipes_stay(void **state)
{
	int fd = open("/dev/null", O_WRONLY | O_CLOEXEC);

	(void)state;
	assert_int_equal(log_open_sink(fd), fd);
	close(fd);
	assert_int_equal(log_open_sink(-1), -1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_socket_that_nobody_reads, setup, teardown),
		cmocka_unit_test_setup_teardown(test_terminal_that_is_stopped, setup, teardown),
		cmocka_unit_test_setup_teardown(test_dropped_lines_are_counted, setup, teardown),
		cmocka_unit_test_setup_teardown(test_partial_line_is_ended, setup, teardown),
		cmocka_unit_test_setup_teardown(test_errno_is_left_alone, setup, teardown),
		cmocka_unit_test_setup_teardown(test_held_lines_are_written_together, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_warnings_take_held_lines_along, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_held_lines_are_bounded, setup, teardown),
		cmocka_unit_test_setup_teardown(test_files_take_larger_writes, setup, teardown),
		cmocka_unit_test_setup_teardown(test_held_lines_that_are_lost_are_counted, setup,
						teardown),
		cmocka_unit_test(test_pipe_that_nobody_reads),
		cmocka_unit_test(test_sinks_that_are_no_pipes_stay),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
