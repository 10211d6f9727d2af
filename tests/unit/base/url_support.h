/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the tests of base/url share.
 */
#ifndef TESTS_UNIT_BASE_URL_SUPPORT_H
#define TESTS_UNIT_BASE_URL_SUPPORT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>

#include "base/url.h"
#include "tests/unit/count.h"

static struct arena arena;

static inline int
setup(void **state)
{
	(void)state;
	arena_init(&arena, 1 << 16);
	return 0;
}

static inline int
teardown(void **state)
{
	(void)state;
	arena_fini(&arena);
	return 0;
}

#endif
