/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Settings from files, and where a value comes from.
 */
#include "tests/unit/base/conf/conf_support.h"

/* Creates a file with this content; the caller unlinks it. */
static void
make_file(char path[32], const char *content, size_t len)
{
	(void)snprintf(path, 32, "/tmp/conf-test-XXXXXX");
	int fd = mkstemp(path);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, content, len), (ssize_t)len);
	assert_int_equal(close(fd), 0);
}

static void
load_file(struct fixture *f, const char *name, const char *content, size_t len)
{
	char path[32];
	char entry[96];
	make_file(path, content, len);
	(void)snprintf(entry, sizeof(entry), "%s=%s", name, path);
	load(f, entry, NULL, NULL);
	assert_int_equal(unlink(path), 0);
}

static void
test_files(void **state)
{
	struct fixture *f = *state;
	load_file(f, "T_SECRET_FILE", "line end\r\n", 10);
	assert_true(f->ok);
	assert_true(str_equal(secret_view(f->target.secret), STR("line end")));
	load_file(f, "THEIR_TEXT_FILE", "alias\n", 6);
	assert_true(f->ok);
	assert_string_equal(f->target.text, "alias");
	load_file(f, "T_SECRET_FILE", "\n", 1);
	assert_problem(f, "T_SECRET_FILE: can't read the file: it is empty");
	load_file(f, "T_SECRET_FILE", CANARY "\n" CANARY, sizeof(CANARY "\n" CANARY) - 1);
	assert_problem(f,
		       "T_SECRET_FILE: it contains control characters or several lines; expected "
		       "a secret");
	load_file(f, "T_TEXT_FILE", "a\0b", 3);
	assert_int_equal(f->problems.count, 1);

	char *big = calloc(1, 20000);
	assert_non_null(big);
	memset(big, 'x', 20000);
	load_file(f, "T_SECRET_FILE", big, 20000);
	assert_problem(f, "T_SECRET_FILE: can't read the file: it is larger than 16384 bytes");
	free(big);
}

/* The limit is that of the buffer. */
static void
test_long_texts(void **state)
{
	struct err e = ERR_INIT;
	struct buf text;
	char path[32];

	(void)state;
	make_file(path, "12345", 5);
	buf_init(&text, 5);
	assert_true(conf_read_text(path, &text, &e));
	buf_fini(&text);
	buf_init(&text, 4);
	assert_false(conf_read_text(path, &text, &e));
	assert_string_equal(e.text, "it is larger than 4 bytes");
	buf_fini(&text);
	assert_int_equal(unlink(path), 0);
}

static void
test_unreadable_files(void **state)
{
	struct fixture *f = *state;
	load(f, "T_TEXT_FILE=/nonexistent/x", NULL, NULL);
	assert_problem(f, "T_TEXT_FILE: can't read \"/nonexistent/x\": No such file or directory");
	load(f, "T_TEXT_FILE=/tmp", NULL, NULL);
	assert_problem(f, "T_TEXT_FILE: can't read \"/tmp\": it is not a regular file");
	load(f, "T_TEXT_FILE=x", NULL, NULL);
	assert_problem(f, "T_TEXT_FILE: got \"x\"; expected an absolute file name");
	/* The secret itself was given in place of its path. */
	load(f, "T_SECRET_FILE=" CANARY, NULL, NULL);
	assert_problem(f, "T_SECRET_FILE: expected an absolute file name");
	load(f, "T_SECRET_FILE=/" CANARY, NULL, NULL);
	assert_problem(f, "T_SECRET_FILE: can't read the file: No such file or directory");
}

static void
test_where_a_value_comes_from(void **state)
{
	static const struct conf_table *t = &table;
	char by_file[] = "T_SECRET_FILE=/etc/x";
	char by_alias[] = "THEIR_TEXT_FILE=/etc/y";
	char by_value[] = "T_NUMBER=7";
	char *environment[] = {by_file, by_alias, by_value, NULL};

	(void)state;
	assert_string_equal(conf_find_file(t, environment, "SECRET"), "/etc/x");
	assert_string_equal(conf_find_file(t, environment, "TEXT"), "/etc/y");
	assert_null(conf_find_file(t, environment, "NUMBER"));
	assert_null(conf_find_file(t, environment, "FLAG"));
}

static void
test_several_forms(void **state)
{
	struct fixture *f = *state;
	load(f, "THEIR_TEXT=x", NULL, NULL);
	assert_true(f->ok);
	assert_string_equal(f->target.text, "x");
	assert_int_equal(f->problems.notes_count, 1);
	assert_string_equal(f->problems.notes[0].text, "THEIR_TEXT: taken as T_TEXT");
	load(f, "THEIR_TEXT=x", "T_TEXT=x", NULL);
	assert_true(f->ok);
	load(f, "THEIR_TEXT=x", "T_TEXT=y", NULL);
	assert_problem(f, "T_TEXT: set together with THEIR_TEXT, to a different value; expected "
			  "one of them");
	load(f, "THEIR_TEXT=a\tb", NULL, NULL);
	assert_problem(f, "THEIR_TEXT: got \"a?b\": it contains control characters; expected text");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_files, setup, teardown),
		cmocka_unit_test(test_long_texts),
		cmocka_unit_test_setup_teardown(test_unreadable_files, setup, teardown),
		cmocka_unit_test_setup_teardown(test_several_forms, setup, teardown),
		cmocka_unit_test(test_where_a_value_comes_from),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
