/* SPDX-License-Identifier: Apache-2.0 */
/*
 * For tests with an event loop: the callback of a timer that ends a test which would wait forever,
 * and the number of open descriptors, which must not grow.
 */
#ifndef TESTS_UNIT_LOOP_GUARD_H
#define TESTS_UNIT_LOOP_GUARD_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <fcntl.h>

static inline void
on_guard(void *arg)
{
	(void)arg;
	fail_msg("the loop waited for something that did not happen");
}

static inline size_t
count_descriptors(void)
{
	size_t count = 0;

	for (int fd = 0; fd < 1024; fd++)
		count += fcntl(fd, F_GETFD) >= 0;
	return count;
}

#endif
