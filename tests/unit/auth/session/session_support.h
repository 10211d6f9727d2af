/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the tests of sessions share: one world for each test, watches that record how they end, and
 * a check that GitLab answers whatever it is asked.
 */
#ifndef TESTS_UNIT_AUTH_SESSION_SESSION_SUPPORT_H
#define TESTS_UNIT_AUTH_SESSION_SESSION_SUPPORT_H

#include "tests/unit/auth/auth_fixture.h"

#define SECOND	    UINT64_C(1000)
#define MINUTE	    (60 * SECOND)
#define HOUR	    (60 * MINUTE)
#define WATCHES_MAX 4

static struct auth_watch watches[WATCHES_MAX];
static int ended[WATCHES_MAX]; /* -1: not notified */

static inline int
setup(void **state)
{
	(void)state;
	world_setup(&world);
	memset(watches, 0, sizeof(watches));
	for (size_t i = 0; i < WATCHES_MAX; i++)
		ended[i] = -1;
	return 0;
}

static inline void
on_ended(enum auth_end reason, void *arg)
{
	int *slot = arg;

	assert_int_equal(*slot, -1); /* once */
	*slot = (int)reason;
}

static inline void
watch(size_t i)
{
	assert_int_equal(world.verdict.action, AUTH_ALLOW);
	auth_watch_start(&watches[i], world.verdict.session, on_ended, &ended[i]);
}

#define REFRESHED_JSON                                                                             \
	"{\"access_token\":\"canary-second\",\"token_type\":\"bearer\",\"expires_in\":7200,"       \
	"\"refresh_token\":\"canary-refresh-2\"}"

/* Answers every request of GitLab's client, so that a check succeeds whatever the age of the last
 * answer. */
static inline void
check_with_gitlab(void)
{
	struct test_request r;
	struct auth_call *call;

	request_init(&r, "GET", "/x");
	call = world_check(&world, &r);
	for (const struct fetch_call *c = fetch_queue; c != NULL; c = fetch_queue) {
		if (strstr(c->url, "/oauth/token") != NULL)
			answer("/oauth/token", 200, REFRESHED_JSON);
		else
			answer("/api/graphql", 200, WORKSPACE_JSON);
	}
	(void)call;
}

static inline bool
first_is_told(void)
{
	return ended[0] != -1;
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown_world)

#endif
