/* SPDX-License-Identifier: Apache-2.0 */
/*
 * proxy/http/headers: every known name is recognized in any case and with any byte that is no
 * letter or digit in place of '-', and no other name is; the index of the table of names is
 * correct; lists and look-ups stay within their bounds.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "proxy/http/headers.c" /* NOLINT(bugprone-suspicious-include): the table is static */

static void
assert_str(struct str s, const char *expected)
{
	if (!str_equal(s, str_from(expected)))
		fail_msg("\"%.*s\" is not \"%s\"", STR_FMT(s), expected);
}

static void
test_index_is_correct_for_all_lengths(void **state)
{
	(void)state;
	assert_int_equal(COUNT(header_starts), HEADER_NAME_MAX + 2);
	assert_int_equal(header_starts[0], 0);
	assert_int_equal(header_starts[HEADER_NAME_MAX + 1], HEADER_NAMES);
	for (size_t len = 0; len <= HEADER_NAME_MAX; len++) {
		uint32_t letters = 0;
		for (size_t i = header_starts[len]; i < header_starts[len + 1]; i++)
			letters |= UINT32_C(1) << (header_names[i].name.data[0] - 'a');
		assert_int_equal(header_first_letters[len], letters);
	}
	for (size_t len = 0; len <= HEADER_NAME_MAX; len++) {
		assert_true(header_starts[len] <= header_starts[len + 1]);
		for (size_t i = 0; i < HEADER_NAMES; i++) {
			bool is_within = i >= header_starts[len] && i < header_starts[len + 1];
			assert_int_equal(is_within, header_names[i].name.len == len);
		}
	}
	assert_int_equal(header_names[HEADER_NAMES - 1].name.len, HEADER_NAME_MAX);
}

static void
test_fold_table_matches_token_characters(void **state)
{
	(void)state;
	for (unsigned c = 0; c < 256; c++) {
		bool is_upper = c >= 'A' && c <= 'Z';
		bool is_alnum = is_upper || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
		bool is_token = is_alnum || (c != 0 && strchr("!#$%&'*+-.^_`|~", (int)c) != NULL);
		unsigned expected = !is_token ? 0 : is_upper ? c + 32 : is_alnum ? c : '-';
		assert_int_equal(header_fold_table[c], expected);
	}
}

/* Spells a name: a bit of `upper` makes the n-th letter a capital, of `under` the n-th '-' another
 * character that is no letter or digit. */
static struct str
spell(struct str name, uint32_t upper, uint32_t under, char *out)
{
	static const char others[] = "_.!#$%&'*+^`|~";

	for (size_t i = 0; i < name.len; i++) {
		char c = name.data[i];
		if (c == '-') {
			out[i] = (under & 1) != 0 ? others[i % (sizeof(others) - 1)] : '-';
			under >>= 1;
		} else {
			out[i] = (upper & 1) != 0 ? (char)(c - 32) : c;
			upper >>= 1;
		}
	}
	return (struct str){out, name.len};
}

static void
assert_identity_in_all_spellings(struct str name, enum header_id id)
{
	char text[64];
	unsigned letters = 0, dashes = 0;

	assert_true(name.len < sizeof(text));
	for (size_t i = 0; i < name.len; i++) {
		letters += name.data[i] >= 'a' && name.data[i] <= 'z';
		dashes += name.data[i] == '-';
	}
	assert_int_equal(letters + dashes, name.len);
	for (uint32_t under = 0; under < 1u << dashes; under++) {
		for (uint32_t upper = 0; upper < 1u << letters; upper++) {
			if (header_identify(spell(name, upper, under, text)) != id)
				fail_msg("%.*s", (int)name.len, text);
			/* all masks for half the letters; then steps that still reach each */
			if (upper > 0xfff)
				upper += 0x1003;
		}
	}
}

static void
test_every_name_in_every_spelling(void **state)
{
	(void)state;
	for (size_t i = 0; i < HEADER_NAMES; i++)
		assert_identity_in_all_spellings(header_names[i].name, header_names[i].id);
	assert_identity_in_all_spellings(STR("x-forwarded-user"), HEADER_FORWARDING);
	assert_identity_in_all_spellings(STR("x-forwarded-"), HEADER_FORWARDING);
	assert_identity_in_all_spellings(STR("x-auth-request-email"), HEADER_REMOTE_IDENTITY);
	for (size_t i = 0; i < COUNT(x_prefixes); i++) {
		char text[64] = "x-";

		memcpy(text + 2, x_prefixes[i].name.data, x_prefixes[i].name.len);
		assert_identity_in_all_spellings(str_from(text), x_prefixes[i].id);
	}
	for (size_t i = 0; i < COUNT(other_prefixes); i++)
		assert_identity_in_all_spellings(other_prefixes[i].name, other_prefixes[i].id);
}

/* Names that differ in one letter are different names. */
static void
test_neighbours_of_names_are_others(void **state)
{
	(void)state;
	for (size_t i = 0; i < HEADER_NAMES; i++) {
		char text[64];
		struct str name = header_names[i].name;

		memcpy(text, name.data, name.len);
		text[name.len] = '0';
		assert_int_equal(header_identify((struct str){text, name.len + 1}), HEADER_OTHER);
		assert_int_equal(header_identify((struct str){text, name.len - 1}), HEADER_OTHER);
		for (size_t at = 0; at < name.len; at++) {
			memcpy(text, name.data, name.len);
			text[at] = '0';
			assert_int_equal(header_identify((struct str){text, name.len}),
					 HEADER_OTHER);
			text[at] = '\0';
			assert_int_equal(header_identify((struct str){text, name.len}),
					 HEADER_OTHER);
		}
	}
}

static void
test_other_names(void **state)
{
	static const char *const others[] = {
		"a",
		"xx-forwarded-for",
		"x-auth-request",
		"x-auth-token",
		"x--forwarded-for",
		"xforwarded-for",
		"x-user",
		"authorization-x",
		"upgrade-insecure-requests",
		"sec-websocket-protocol",
		"sec-websocket-extensions",
		"a-name-that-is-longer-than-every-one-of-the-known",
	};

	(void)state;
	assert_int_equal(header_identify(STR_NONE), HEADER_OTHER);
	for (size_t i = 0; i < COUNT(others); i++)
		assert_int_equal(header_identify(str_from(others[i])), HEADER_OTHER);
}

static void
test_hop_by_hop(void **state)
{
	static const char *const names[] = {
		"connection",	       "keep-alive", "proxy-authenticate",
		"proxy-authorization", "te",	     "trailer",
		"transfer-encoding",   "upgrade",    "proxy-connection",
	};
	size_t found = 0;

	(void)state;
	for (size_t i = 0; i < COUNT(names); i++)
		assert_true(header_is_hop_by_hop(header_identify(str_from(names[i]))));
	for (unsigned id = HEADER_OTHER; id <= HEADER_REMOTE_IDENTITY; id++)
		found += header_is_hop_by_hop((enum header_id)id);
	assert_int_equal(found, COUNT(names));
}

static void
test_lists(void **state)
{
	struct arena arena;
	struct headers h;
	struct str value;

	(void)state;
	arena_init(&arena, 4096);
	assert_true(headers_init(&h, 4, &arena));
	assert_int_equal(headers_find(&h, HEADER_HOST, &value), 0);
	assert_null(value.data);
	assert_true(headers_add(&h, STR("Cookie"), STR("a=b")));
	assert_true(headers_add(&h, STR("X_Request_Id"), STR("1")));
	assert_true(headers_add(&h, STR("cOOKIE"), STR("c=d")));
	assert_true(headers_add(&h, STR("Other"), STR("")));
	assert_false(headers_add(&h, STR("One"), STR("too many")));
	assert_int_equal(h.count, 4);
	assert_true(header_has_registered_name(&h.items[0]));
	assert_false(header_has_registered_name(&h.items[1]));

	assert_int_equal(headers_find(&h, HEADER_COOKIE, &value), 2);
	assert_str(value, "a=b");
	assert_int_equal(headers_find(&h, HEADER_X_REQUEST_ID, &value), 1);
	assert_str(headers_get(&h, STR("cookie"), 0), "a=b");
	assert_str(headers_get(&h, STR("cookie"), 1), "c=d");
	assert_null(headers_get(&h, STR("cookie"), 2).data);
	assert_null(headers_get(&h, STR("x-request-id"), 0).data);
	assert_non_null(headers_get(&h, STR("other"), 0).data);
	arena_fini(&arena);

	arena_init(&arena, 64);
	assert_true(headers_init(&h, 0, &arena));
	assert_false(headers_add(&h, STR("a"), STR("b")));
	assert_false(headers_init(&h, 64, &arena));
	assert_false(headers_init(&h, SIZE_MAX / 2, &arena));
	arena_fini(&arena);
}

static void
test_tokens(void **state)
{
	static const struct {
		const char *value;
		bool has;
	} cases[] = {
		{"close", true},    {"CLOSE", true},	  {"a,close", true},
		{"close,a", true},  {"a , close", true},  {",,\tclose ,", true},
		{"", false},	    {"closed", false},	  {"clos", false},
		{"a close", false}, {"\"close\"", false}, {"close;a", false},
		{"x-close", false},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct header items[2];
		struct headers h = {.items = items, .size = COUNT(items)};

		assert_true(headers_add(&h, STR("Connection"), STR("a")));
		assert_true(headers_add(&h, STR("connection"), str_from(cases[i].value)));
		if (headers_has_token(&h, HEADER_CONNECTION, STR("close")) != cases[i].has)
			fail_msg("%s", cases[i].value);
		assert_false(headers_has_token(&h, HEADER_UPGRADE, STR("close")));
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_index_is_correct_for_all_lengths),
		cmocka_unit_test(test_fold_table_matches_token_characters),
		cmocka_unit_test(test_every_name_in_every_spelling),
		cmocka_unit_test(test_neighbours_of_names_are_others),
		cmocka_unit_test(test_other_names),
		cmocka_unit_test(test_hop_by_hop),
		cmocka_unit_test(test_lists),
		cmocka_unit_test(test_tokens),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
