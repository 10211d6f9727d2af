/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the tests of base/conf/conf share: a table of settings of every kind.
 */
#ifndef TESTS_UNIT_BASE_CONF_CONF_SUPPORT_H
#define TESTS_UNIT_BASE_CONF_CONF_SUPPORT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/conf/conf.h"
#include "base/conf/conf_docs.h"
#include "base/net/address.h"
#include "base/secret.h"
#include "base/url.h"

#define CANARY "c4nary-value"

struct target {
	const char *text;
	const char *path;
	struct secret *secret;
	bool flag;
	uint64_t number;
	uint64_t duration;
	uint64_t size;
	struct url url;
	struct address address;
	unsigned choice;
	unsigned custom;
};

#define AT(field) offsetof(struct target, field)

static inline bool
parse_custom(struct str value, void *field, struct arena *a, struct err *e)
{
	(void)a;
	if (!str_equal(value, STR("seven")))
		return err_set(e, ERR_CONFIG, "unlucky");
	*(unsigned *)field = 7;
	return true;
}

static inline void
format_custom(const void *field, struct buf *out)
{
	buf_addf(out, "<%u>", *(const unsigned *)field);
}

static const char *const choices[] = {"red", "green", NULL};

static const struct conf_setting rows_one[] = {
	{.name = "TEXT",
	 .type = CONF_TEXT,
	 .commands = 1,
	 .offset = AT(text),
	 .alias = "THEIR_TEXT",
	 .text = "Some | text."},
	{.name = "PATH", .type = CONF_PATH, .commands = 1, .offset = AT(path), .text = "A path."},
	{.name = "SECRET",
	 .type = CONF_SECRET,
	 .commands = 1,
	 .offset = AT(secret),
	 .text = "A secret."},
	{.name = "FLAG",
	 .type = CONF_BOOL,
	 .commands = 1,
	 .offset = AT(flag),
	 .fallback = "on",
	 .text = "A flag."},
};
static const struct conf_setting rows_two[] = {
	{.name = "NUMBER",
	 .type = CONF_INT,
	 .commands = 1,
	 .offset = AT(number),
	 .min = 2,
	 .max = 9,
	 .fallback = "3",
	 .text = "A number."},
	{.name = "DURATION",
	 .type = CONF_DURATION,
	 .commands = 1,
	 .offset = AT(duration),
	 .min = 1000,
	 .max = 86400000,
	 .fallback = "30s",
	 .text = "A duration."},
	{.name = "SIZE",
	 .type = CONF_SIZE,
	 .commands = 1,
	 .offset = AT(size),
	 .min = 1,
	 .max = UINT64_C(1) << 40,
	 .fallback = "64KiB",
	 .text = "A size."},
	{.name = "URL", .type = CONF_URL, .commands = 1, .offset = AT(url), .text = "A URL."},
	{.name = "ADDRESS",
	 .type = CONF_ADDRESS,
	 .commands = 1,
	 .offset = AT(address),
	 .fallback = "127.0.0.1:80",
	 .text = "An address."},
	{.name = "CHOICE",
	 .type = CONF_CHOICE,
	 .commands = 1,
	 .offset = AT(choice),
	 .choices = choices,
	 .fallback = "green",
	 .text = "A choice."},
	{.name = "CUSTOM",
	 .type = CONF_CUSTOM,
	 .commands = 1,
	 .offset = AT(custom),
	 .parse = parse_custom,
	 .format = format_custom,
	 .expected = "seven",
	 .text = "A custom."},
};
static const struct conf_setting rows_three[] = {
	{.name = "LATER",
	 .type = CONF_TEXT,
	 .commands = 1,
	 .flags = CONF_REFUSED,
	 .alias = "THEIR_LATER",
	 .text = "Not yet."},
};
static const struct conf_setting rows_four[] = {
	{.name = "OTHERS", .type = CONF_TEXT, .commands = 2, .required = 2, .text = "Not here."},
};

#define GROUP(heading, rows)                                                                       \
	{                                                                                          \
		heading, rows, sizeof(rows) / sizeof((rows)[0])                                    \
	}
static const struct conf_group group_one = GROUP("One", rows_one);
static const struct conf_group group_two = GROUP("Two", rows_two);
static const struct conf_group group_three = GROUP("Three", rows_three);
static const struct conf_group group_four = GROUP("Four", rows_four);
static const struct conf_group *const groups[] = {&group_one, &group_two, &group_three, &group_four,
						  NULL};

static const struct conf_table table = {
	.prefix = "T_",
	.intro = "# Intro\n",
	.groups = groups,
};

struct fixture {
	struct arena arena;
	struct target target;
	struct conf_problems problems;
	bool ok;
};

static inline int
setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	assert_non_null(f);
	arena_init(&f->arena, 65536);
	*state = f;
	return 0;
}

static inline int
teardown(void **state)
{
	struct fixture *f = *state;
	conf_free_secrets(&table, &f->target);
	arena_fini(&f->arena);
	free(f);
	return 0;
}

/* Loads up to four variables; NULL ends them early. */
static inline void
load(struct fixture *f, const char *a, const char *b, const char *c)
{
	const char *given[] = {a, b, c};
	char *environment[4] = {NULL};
	size_t count = 0;
	for (size_t i = 0; i < 3 && given[i] != NULL; i++) {
		environment[count] = strdup(given[i]);
		assert_non_null(environment[count++]);
	}
	conf_free_secrets(&table, &f->target);
	f->target = (struct target){.number = 0};
	f->problems.count = 0;
	f->problems.notes_count = 0;
	f->ok = conf_load(&table, 1, environment, &f->target, &f->arena, &f->problems);
	assert_int_equal(f->ok, f->problems.count == 0);
	for (size_t i = 0; i < count; i++)
		free(environment[i]);
}

static inline void
assert_problem(const struct fixture *f, const char *text)
{
	assert_int_equal(f->problems.count, 1);
	assert_string_equal(f->problems.items[0].text, text);
}

#endif
