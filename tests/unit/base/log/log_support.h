/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the tests of base/log/log share: a pipe that receives the lines.
 */
#ifndef TESTS_UNIT_BASE_LOG_LOG_SUPPORT_H
#define TESTS_UNIT_BASE_LOG_LOG_SUPPORT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/json.h"
#include "base/log/log.h"
#include "base/log/log_escape.h"

#define TIME_LEN 24 /* of "2026-01-31T12:00:00.123Z" */

static int pipe_ends[2];
static char line[4 * LOG_LINE_MAX];

static inline int
setup(void **state)
{
	(void)state;
	return pipe2(pipe_ends, O_NONBLOCK | O_CLOEXEC);
}

static inline int
teardown(void **state)
{
	(void)state;
	log_configure(LOG_INFO, LOG_JSON, STDERR_FILENO);
	return close(pipe_ends[0]) + close(pipe_ends[1]);
}

/* One read returns the bytes of one write. */
static inline size_t
read_line(void)
{
	ssize_t got = read(pipe_ends[0], line, sizeof(line) - 1);
	size_t len = got < 0 ? 0 : (size_t)got;

	line[len] = '\0';
	return len;
}

static inline void
assert_valid_time(const char *text)
{
	static const char pattern[] = "dddd-dd-ddTdd:dd:dd.dddZ";

	for (size_t i = 0; i < TIME_LEN; i++) {
		if (pattern[i] == 'd')
			assert_in_range(text[i], '0', '9');
		else
			assert_int_equal(text[i], pattern[i]);
	}
}

static inline void
assert_text_line(const char *expected)
{
	assert_true(read_line() > TIME_LEN);
	assert_valid_time(line);
	assert_string_equal(line + TIME_LEN, expected);
}

#endif
