/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What conf prints: the settings of a process with their sources, and their documentation.
 */
#include "base/conf/conf_docs.h"
#include "tests/unit/base/conf/conf_support.h"

static void
test_environment(void **state)
{
	char secret[] = "T_SECRET=" CANARY;
	char text[] = "T_TEXT=stays";
	char *environment[] = {secret, text, NULL};
	(void)state;
	assert_true(conf_is_set(&table, environment, "SECRET"));
	assert_false(conf_is_set(&table, environment, "NUMBER"));
	conf_wipe_environment(&table, environment);
	assert_memory_equal(secret, "T_SECRET=\0\0\0\0", 13);
	assert_false(conf_is_set(&table, environment, "SECRET"));
	assert_string_equal(text, "T_TEXT=stays");
}

static void
test_formats(void **state)
{
	static const char *const expected[] = {
		"some text",	       "/x",	       "set",	"on", "9", "90s", "64KiB",
		"https://[::1]:444/p", "127.0.0.1:80", "green", "<0>"};
	struct fixture *f = *state;
	struct conf_cursor at = {0};
	load(f, "T_TEXT=some text", "T_PATH=/x", "T_SECRET=s");
	f->target.number = 9;
	f->target.duration = 90000;
	f->target.url = (struct url){.scheme = STR("https"),
				     .host = STR("::1"),
				     .port = 444,
				     .path = STR("/p"),
				     .host_is_ipv6 = true};
	for (size_t i = 0; i < sizeof(expected) / sizeof(expected[0]); i++) {
		struct buf out;
		buf_init(&out, 256);
		conf_format_value(conf_next(&table, &at), &f->target, &out);
		assert_true(str_equal(buf_view(&out), str_from(expected[i])));
		buf_fini(&out);
	}
	char text[32];
	conf_format_duration(0, text, sizeof(text));
	assert_string_equal(text, "0s");
	conf_format_duration(1500, text, sizeof(text));
	assert_string_equal(text, "1500ms");
	conf_format_duration(86400000, text, sizeof(text));
	assert_string_equal(text, "24h");
	conf_format_size(1025, text, sizeof(text));
	assert_string_equal(text, "1025");
	conf_format_size(0, text, sizeof(text));
	assert_string_equal(text, "0");
}

static char *
print(void (*fn)(const struct conf_table *, FILE *))
{
	char *text = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&text, &len);
	assert_non_null(out);
	fn(&table, out);
	assert_int_equal(fclose(out), 0);
	return text;
}

static void
test_documents(void **state)
{
	(void)state;
	char *markdown = print(conf_print_markdown);
	assert_memory_equal(markdown, "# Intro\n", 8);
	assert_non_null(strstr(markdown, "\n## Two\n"));
	assert_non_null(strstr(markdown, "| `TEXT` | none | text | Some \\| text. |\n"));
	assert_non_null(strstr(markdown, "| `NUMBER` | `3` | a whole number from 2 to 9 | A "
					 "number. |\n"));
	assert_non_null(strstr(markdown, "| `THEIR_TEXT` | `T_TEXT` |\n"));
	assert_non_null(strstr(markdown, "## Refused"));
	assert_non_null(strstr(markdown, "| `LATER` | Not yet. |\n"));
	free(markdown);

	char *help = print(conf_print_help);
	assert_non_null(strstr(help, "\nTwo\n  NUMBER\n      default: 3; a whole number from 2 to "
				     "9\n      A number.\n"));
	assert_null(strstr(help, "LATER"));
	free(help);
}

static void
print_linked(const struct conf_table *unused, FILE *out)
{
	(void)unused;
	conf_print_wrapped("A `listener` ([what it protects](a.md#b)), see [a](b.md): [v6]:port", 0,
			   0, out);
}

static void
print_linked_man(const struct conf_table *unused, FILE *out)
{
	(void)unused;
	conf_print_man_text(str_from("**See** [what it is](a.md#b)) [v6]:port"), out);
}

/* Help and manual pages show the text of a link without its URL. */
static void
test_links(void **state)
{
	(void)state;
	char *wrapped = print(print_linked);
	char *man = print(print_linked_man);

	assert_string_equal(wrapped, "A listener (what it protects), see a: [v6]:port\n");
	assert_string_equal(man, "See what it is) [v6]:port\n");
	free(wrapped);
	free(man);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_environment),
		cmocka_unit_test_setup_teardown(test_formats, setup, teardown),
		cmocka_unit_test(test_documents),
		cmocka_unit_test(test_links),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
