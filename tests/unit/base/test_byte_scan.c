/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs of harmless bytes: where they end does not depend on how many are looked at in one go.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/byte_scan.h"

#define LENGTHS 28u

/* Marks more bytes than is_fine refuses: tabs are fine. */
static uint64_t
suspects(uint64_t word)
{
	return byte_scan_below(word, 0x20) | byte_scan_equal(word, 0x7f) |
	       byte_scan_equal(word, '"') | byte_scan_high(word);
}

static bool
is_fine(unsigned char c)
{
	return (c >= 0x20 && c < 0x7f && c != '"') || c == '\t';
}

/* Copies the text to the end of an allocation, so that a read beyond it is detected. */
static void
assert_run(const char *text, size_t len)
{
	size_t expected = 0;
	char *copy = malloc(len > 0 ? len : 1);

	assert_non_null(copy);
	memcpy(copy, text, len);
	while (expected < len && is_fine((unsigned char)text[expected]))
		expected++;
	assert_int_equal(byte_scan_prefix((struct str){copy, len}, suspects, is_fine), expected);
	free(copy);
}

static void
test_every_byte_at_every_place(void **state)
{
	char text[LENGTHS];

	(void)state;
	for (size_t len = 0; len < LENGTHS; len++) {
		for (size_t at = 0; at < len; at++) {
			for (unsigned byte = 0; byte < 256; byte++) {
				memset(text, 'x', len);
				text[at] = (char)byte;
				assert_run(text, len);
			}
		}
	}
}

/* Borrows between bytes mark harmless bytes as suspects. */
static void
test_pairs_of_neighbours(void **state)
{
	static const unsigned char seconds[] = {0x00, 0x01, '\t', 0x1f, 0x20, 0x21, '"',
						'#',  'a',  0x7e, 0x7f, 0x80, 0xff};
	char text[LENGTHS];

	(void)state;
	for (unsigned first = 0; first < 256; first++) {
		for (size_t i = 0; i < sizeof(seconds); i++) {
			memset(text, '!', sizeof(text));
			text[9] = (char)first;
			text[10] = (char)seconds[i];
			text[12] = '\t';
			assert_run(text, sizeof(text));
		}
	}
}

static void
test_empty_text(void **state)
{
	(void)state;
	assert_int_equal(byte_scan_prefix(STR_NONE, suspects, is_fine), 0);
	assert_int_equal(byte_scan_prefix(STR(""), suspects, is_fine), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_byte_at_every_place),
		cmocka_unit_test(test_pairs_of_neighbours),
		cmocka_unit_test(test_empty_text),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
