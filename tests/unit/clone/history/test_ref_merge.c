/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two packed-refs files made one: what was there stays as it was, and nothing new stands in its
 * way.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "clone/history/ref_merge.h"

#define HEAD "# pack-refs with: peeled fully-peeled sorted \n"
#define A    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define B    "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"

static const char *const names[] = {"a", "a-b", "b/c/d", "b/c-e", "z/y"};

static void
test_room(void **state)
{
	const char *sorted[] = {"a", "a-b", "b/c-e", "b/c/d", "z/y"};
	const struct ref_names taken = {sorted, sizeof(sorted) / sizeof(sorted[0])};
	const char *const without[] = {"a/x", "a/x/y", "b/c", "b", "z", "z/y/x", "b/c/d/e"};
	const char *const with[] = {"c",	  "a-",	 "a-bc", "aa",	 "b/c/e",  "b/c-",
				    "b/c-e-more", "z/x", "zz",	 "b/cc", "b/c-e2", "0"};

	(void)state;
	for (size_t i = 0; i < taken.count; i++)
		assert_false(ref_names_has_room(&taken, str_from(names[i])));
	for (size_t i = 0; i < sizeof(without) / sizeof(without[0]); i++)
		assert_false(ref_names_has_room(&taken, str_from(without[i])));
	for (size_t i = 0; i < sizeof(with) / sizeof(with[0]); i++)
		assert_true(ref_names_has_room(&taken, str_from(with[i])));
	assert_true(ref_names_has_room(&(struct ref_names){NULL, 0}, STR("a")));
}

/* Every pair of names, in both orders, compared with git. */
static void
test_room_for_each_pair(void **state)
{
	static const char *const all[] = {"r",	     "r/a",  "r/a-", "r/a-b", "r/a.b",	"r/a/b",
					  "r/a/b/c", "r/a0", "r/b",  "r/a/",  "r/a/b-", "s"};

	(void)state;
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		for (size_t j = 0; j < sizeof(all) / sizeof(all[0]); j++) {
			const struct ref_names taken = {&all[i], 1};
			struct str one = str_from(all[i]);
			struct str other = str_from(all[j]);
			struct str shorter = one.len < other.len ? one : other;
			struct str longer = one.len < other.len ? other : one;
			bool clashes =
				str_starts_with(longer, shorter) &&
				(longer.len == shorter.len || longer.data[shorter.len] == '/');

			assert_true(ref_names_has_room(&taken, other) == !clashes);
		}
	}
}

static void
check(const char *old, const char *fresh, const char *merged, size_t expected)
{
	const char *sorted[] = {"refs/heads/main", "refs/remotes/origin/main", "refs/tags/v1"};
	const struct ref_names taken = {sorted, 3};
	struct err e = ERR_INIT;
	size_t added = 0;
	struct buf out;

	buf_init(&out, 4096);
	assert_true(ref_merge(str_from(old), str_from(fresh), &taken, &out, &added, &e));
	assert_true(str_equal(buf_view(&out), str_from(merged)));
	assert_int_equal(added, expected);
	buf_fini(&out);
}

static void
test_merge(void **state)
{
	static const char fresh[] =
		HEAD A " refs/remotes/origin/main\n" A " refs/remotes/origin/topic\n" A
		       " refs/tags/v1\n^" B "\n" A " refs/tags/v2\n^" B "\n" B " refs/tags/v3\n";

	(void)state;
	check("", "", HEAD, 0);
	check("", fresh,
	      HEAD A " refs/remotes/origin/topic\n" A " refs/tags/v2\n^" B "\n" B " refs/tags/v3\n",
	      3);
	/* The old file is kept unchanged, with its header, and in order. */
	check(HEAD B " refs/remotes/origin/main\n" B " refs/tags/v1\n^" A "\n", fresh,
	      HEAD B " refs/remotes/origin/main\n" A " refs/remotes/origin/topic\n" B
		     " refs/tags/v1\n^" A "\n" A " refs/tags/v2\n^" B "\n" B " refs/tags/v3\n",
	      3);
	check("# pack-refs with: peeled \n" B " refs/tags/v1\n", fresh,
	      "# pack-refs with: peeled \n" A " refs/remotes/origin/topic\n" B " refs/tags/v1\n" A
	      " refs/tags/v2\n^" B "\n" B " refs/tags/v3\n",
	      3);
	check(B " refs/tags/v1\n", HEAD, B " refs/tags/v1\n", 0);
}

static void
test_malformed_files(void **state)
{
	static const char *const strange[] = {
		"x",	      A " refs/tags/v1",	 A "\n",       A " \n",
		"^" A "\n",   HEAD "^" A "\n",		 "\n",	       A "  refs\n^" A "0\n",
		A "\trefs\n", "nonsense refs/heads/a\n", A " a\n^x\n",
	};
	const struct ref_names taken = {NULL, 0};

	(void)state;
	for (size_t i = 0; i < sizeof(strange) / sizeof(strange[0]); i++) {
		struct str text = str_from(strange[i]);

		for (unsigned side = 0; side < 2; side++) {
			struct err e = ERR_INIT;
			size_t added = 0;
			struct buf out;

			buf_init(&out, 4096);
			assert_false(ref_merge(side == 0 ? text : STR_NONE,
					       side == 0 ? STR_NONE : text, &taken, &out, &added,
					       &e));
			assert_int_equal(e.code, ERR_PROTOCOL);
			buf_fini(&out);
		}
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_room),
		cmocka_unit_test(test_room_for_each_pair),
		cmocka_unit_test(test_merge),
		cmocka_unit_test(test_malformed_files),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
