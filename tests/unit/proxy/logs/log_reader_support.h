/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Helpers for tests of the log reader: a directory of log files and their reader.
 */
#ifndef TESTS_UNIT_PROXY_LOGS_LOG_READER_SUPPORT_H
#define TESTS_UNIT_PROXY_LOGS_LOG_READER_SUPPORT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "proxy/logs/log_files.h"
#include "proxy/logs/log_reader.h"
#include "tests/unit/remove_tree.h"
#include "tests/unit/temporary.h"

#define NOON	  INT64_C(1769860800000) /* 2026-01-31T12:00:00Z */
#define STEPS_MAX 200000u

static struct log_ring ring;
static struct log_patterns patterns;
static char directory[64];
static char path[256];
static struct log_reader *reader;
static struct buf seen; /* messages, one a line */

static inline int
setup(void **state)
{
	(void)state;
	memset(&ring, 0, sizeof(ring));
	(void)snprintf(directory, sizeof(directory), "%s/log-reader-XXXXXX", temporary_folder());
	assert_non_null(mkdtemp(directory));
	patterns = (struct log_patterns){.items = {{directory, "*.log"}}, .count = 1};
	buf_init(&seen, (size_t)64 * 1024 * 1024);
	return 0;
}

static inline int
teardown(void **state)
{
	(void)state;
	log_reader_free(reader);
	reader = NULL;
	buf_fini(&seen);
	(void)chmod(directory, 0700);
	return remove_tree(directory);
}

static inline const char *
path_of(const char *name)
{
	(void)snprintf(path, sizeof(path), "%s/%s", directory, name);
	return path;
}

static inline void
append(const char *name, const char *text)
{
	FILE *file = fopen(path_of(name), "a");

	assert_non_null(file);
	assert_int_equal(fwrite(text, 1, strlen(text), file), strlen(text));
	assert_int_equal(fclose(file), 0);
}

static inline void
start(const char *query, bool follows)
{
	const struct log_reader_options options = {&ring, &patterns, follows, LOG_FILES_WINDOW};
	struct err e = ERR_INIT;
	struct log_query q;

	assert_true(log_query_parse(&q, str_from(query), &e));
	log_reader_free(reader);
	reader = log_reader_new(&options, &q);
	assert_non_null(reader);
}

/* Reads until there is nothing more; what it got is in seen. */
static inline const char *
read_all(void)
{
	struct log_record record;
	enum log_reader_result result = LOG_READER_BUSY;
	size_t steps = 0;

	buf_clear(&seen);
	while (result != LOG_READER_END && steps++ < STEPS_MAX) {
		log_reader_begin_step(reader);
		while ((result = log_reader_next(reader, &record)) == LOG_READER_RECORD) {
			buf_add_str(&seen, record.message);
			buf_add_byte(&seen, '\n');
		}
	}
	assert_true(steps < STEPS_MAX);
	assert_true(buf_add_byte(&seen, '\0'));
	return seen.data;
}

static inline const char *
look_and_read(void)
{
	log_reader_refresh(reader);
	return read_all();
}

#endif
