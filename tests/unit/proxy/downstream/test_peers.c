/* SPDX-License-Identifier: Apache-2.0 */
/*
 * proxy/downstream/peers: which addresses are one client, limits, and that no entry is left after
 * the last connection.
 */
#include "proxy/downstream/peers.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>

static struct address
address_of(const char *text)
{
	struct address a;
	struct err e = ERR_INIT;

	if (!address_parse(&a, str_from(text), &e))
		fail_msg("%s: %s", text, e.text);
	return a;
}

static void
assert_same(const char *one, const char *other, bool is_same)
{
	struct address a = address_of(one);
	struct address b = address_of(other);
	struct peers all;
	struct peer *first, *second;
	bool is_news;

	peers_init(&all);
	assert_true(peers_enter(&all, &a, 1, &first, &is_news));
	assert_int_equal(peers_enter(&all, &b, 1, &second, &is_news), !is_same);
	peers_leave(&all, first);
	peers_leave(&all, second);
	peers_fini(&all);
}

static void
test_addresses_of_one_client(void **state)
{
	(void)state;
	assert_same("192.0.2.1:1", "192.0.2.1:2", true);
	assert_same("192.0.2.1:1", "192.0.2.2:1", false);
	assert_same("192.0.2.1:1", "[::ffff:192.0.2.1]:1", true);
	assert_same("[2001:db8:1:2::1]:1", "[2001:db8:1:2:ffff:1:2:3]:9", true);
	assert_same("[2001:db8:1:2::1]:1", "[2001:db8:1:3::1]:1", false);
	assert_same("[::1]:1", "[::1]:2", true);
	assert_same("[::1]:1", "127.0.0.1:1", false);
}

static void
test_unix_sockets_are_not_counted(void **state)
{
	struct address a = address_of("unix:/tmp/x");
	struct peers all;
	struct peer *peer;
	bool is_news;

	(void)state;
	peers_init(&all);
	for (int i = 0; i < 10; i++) {
		assert_true(peers_enter(&all, &a, 1, &peer, &is_news));
		assert_null(peer);
		peers_leave(&all, peer);
	}
	peers_fini(&all);
}

static void
test_first_refusal_is_reported_once(void **state)
{
	struct address a = address_of("192.0.2.1:1");
	struct peer *entered[3];
	struct peer *refused;
	struct peers all;
	bool is_news;

	(void)state;
	peers_init(&all);
	for (int round = 0; round < 2; round++) {
		for (int i = 0; i < 3; i++)
			assert_true(peers_enter(&all, &a, 3, &entered[i], &is_news));
		for (int i = 0; i < 5; i++) {
			assert_false(peers_enter(&all, &a, 3, &refused, &is_news));
			assert_int_equal(is_news, i == 0);
			assert_null(refused);
		}
		peers_leave(&all, entered[0]);
		assert_true(peers_enter(&all, &a, 3, &entered[0], &is_news));
		for (int i = 0; i < 3; i++)
			peers_leave(&all, entered[i]);
	}
	peers_fini(&all);
}

/* Far more addresses than buckets, which leave in another order than they entered. */
static void
test_many_addresses(void **state)
{
	enum { COUNT = 5000 };
	static struct peer *entered[COUNT];
	struct peers all;
	char text[64];
	bool is_news;

	(void)state;
	peers_init(&all);
	for (int i = 0; i < COUNT; i++) {
		(void)snprintf(text, sizeof(text), "10.%d.%d.1:80", i / 256, i % 256);
		struct address a = address_of(text);
		assert_true(peers_enter(&all, &a, 1, &entered[i], &is_news));
		assert_false(peers_enter(&all, &a, 1, &(struct peer *){NULL}, &is_news));
	}
	for (int step = 0; step < 7; step++)
		for (int i = step; i < COUNT; i += 7)
			peers_leave(&all, entered[i]);
	peers_fini(&all);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_addresses_of_one_client),
		cmocka_unit_test(test_unix_sockets_are_not_counted),
		cmocka_unit_test(test_first_refusal_is_reported_once),
		cmocka_unit_test(test_many_addresses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
