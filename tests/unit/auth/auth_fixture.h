/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The fixture of most test programs of auth/: one world, made anew for each test.
 */
#ifndef TESTS_UNIT_AUTH_AUTH_FIXTURE_H
#define TESTS_UNIT_AUTH_AUTH_FIXTURE_H

#include "tests/unit/auth/auth_support.h"

static struct world world;

UNUSED int
setup_world(void **state)
{
	(void)state;
	world_setup(&world);
	return 0;
}

UNUSED int
teardown_world(void **state)
{
	(void)state;
	world_teardown(&world);
	return 0;
}

#endif
