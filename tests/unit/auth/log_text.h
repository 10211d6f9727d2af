/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a test has logged into a file, for tests that look for words there.
 */
#ifndef TESTS_UNIT_AUTH_LOG_TEXT_H
#define TESTS_UNIT_AUTH_LOG_TEXT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <unistd.h>

/* Returns the whole log, valid until the next call. */
static inline const char *
log_text(int fd)
{
	static char text[1 << 20];
	ssize_t len = pread(fd, text, sizeof(text) - 1, 0);

	assert_true(len >= 0);
	text[len] = '\0';
	return text;
}

#endif
