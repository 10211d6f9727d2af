/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The listing of refs as it is passed on to libgit2, however it arrives.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>

#include "clone/git/packet.h"
#include "clone/git/ref_listing.h"

#define A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define B "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"

#define START  "001e# service=git-upload-pack\n0000"
#define FIRST  "0070" A " HEAD\0side-band-64k allow-reachable-sha1-in-want symref=HEAD:refs/x"
#define SECOND "003d" B " refs/heads/main\n"

/* Passes the listing through in pieces of `step` bytes, and compares the result. */
static void
check(struct str listing, struct str expected, const char *shallow, size_t step)
{
	struct ref_listing l;
	struct buf out;
	struct buf ids;
	char piece[7];
	size_t len;

	ref_listing_init(&l);
	buf_init(&out, 65536);
	buf_init(&ids, 65536);
	for (;;) {
		struct str part = str_take(listing, step);

		assert_true(ref_listing_add(&l, part, &ids));
		listing = str_skip(listing, part.len);
		while ((len = ref_listing_take(&l, piece, sizeof(piece))) > 0)
			assert_true(buf_add(&out, piece, len));
		if (part.len == 0)
			break;
	}
	assert_true(str_equal(buf_view(&out), expected));
	assert_true(str_equal(buf_view(&ids), str_from(shallow)));
	ref_listing_fini(&l);
	buf_fini(&out);
	buf_fini(&ids);
}

static void
check_all_steps(struct str listing, struct str expected, const char *shallow)
{
	for (size_t step = 1; step < 200; step++)
		check(listing, expected, shallow, step);
}

static void
test_shallow_commits_are_taken_out(void **state)
{
	(void)state;
	check_all_steps(STR(START FIRST "\n" SECOND "0000"), STR(START FIRST "\n" SECOND "0000"),
			"");
	check_all_steps(STR(START FIRST "\n" SECOND "0034shallow " A "0035shallow " B "\n0000"),
			STR(START FIRST "\n" SECOND "0000"), A "\n" B "\n");
	/* Not an id. */
	check_all_steps(STR(START "0010shallow abc\n0000"), STR(START "0010shallow abc\n0000"), "");
}

static void
test_other_data_is_passed_on(void **state)
{
	(void)state;
	check_all_steps(STR("<html>Not a git server</html>"), STR("<html>Not a git server</html>"),
			"");
	check_all_steps(STR(START "00"), STR(START "00"), "");
	check_all_steps(STR(START "0100" A " ref"), STR(START "0100" A " ref"), "");
	check_all_steps(STR_NONE, STR_NONE, "");
}

static void
test_capabilities(void **state)
{
	struct ref_listing l;
	struct buf ids;

	(void)state;
	buf_init(&ids, 65536);
	ref_listing_init(&l);
	assert_true(ref_listing_add(&l, STR(START FIRST "\n0000"), &ids));
	assert_true(l.takes_ids && !l.is_sha256);
	ref_listing_fini(&l);
	ref_listing_init(&l);
	assert_true(ref_listing_add(&l,
				    STR("001d"
					"A x\0object-format=sha256\n....."),
				    &ids));
	assert_true(!l.takes_ids && l.is_sha256);
	ref_listing_fini(&l);
	/* A ref may have such a name. */
	ref_listing_init(&l);
	assert_true(ref_listing_add(&l, STR("0026x object-format=sha256 refs/heads\n"), &ids));
	assert_false(l.is_sha256);
	ref_listing_fini(&l);
	buf_fini(&ids);
}

static void
test_packets(void **state)
{
	struct str rest = STR("0008abc\n00000001000asp ace000cbroken");
	struct str text;
	struct buf out;

	(void)state;
	assert_true(packet_next(&rest, &text) && str_equal(text, STR("abc")));
	assert_true(packet_next(&rest, &text) && text.len == 0);
	assert_true(packet_next(&rest, &text) && text.len == 0);
	assert_true(packet_next(&rest, &text) && str_equal(text, STR("sp ace")));
	assert_false(packet_next(&rest, &text));
	buf_init(&out, 64);
	assert_true(packet_add(&out, STR("done\n")) &&
		    str_equal(buf_view(&out), STR("0009done\n")));
	buf_fini(&out);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_shallow_commits_are_taken_out),
		cmocka_unit_test(test_other_data_is_passed_on),
		cmocka_unit_test(test_capabilities),
		cmocka_unit_test(test_packets),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
