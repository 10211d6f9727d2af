/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Helpers for tests of settings: a valid environment, changes to it, and checks of the problems
 * that are reported.
 */
#ifndef TESTS_UNIT_PROXY_SETTINGS_SETTINGS_SUPPORT_H
#define TESTS_UNIT_PROXY_SETTINGS_SETTINGS_SUPPORT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "proxy/settings/settings.h"

#define CANARY "c4nary"
#define KEY_A  "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
#define KEY_B  "ff0102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
#define MAX    32

struct fixture {
	char *environment[MAX + 1];
	size_t count;
	struct conf_problems problems;
	struct settings *s;
};

static const char *const working[] = {
	"EXTERNAL_URL=https://kiwi.ws.example.com",
	"HTTP_ADDRESS=127.0.0.1:8080",
	"GITLAB_URL=https://gitlab.example.com/",
	"CLIENT_ID=id",
	("COOKIE_SECRET=" KEY_A),
	"WORKSPACE_ID=7",
};

static inline void
set_variable(struct fixture *f, const char *prefix, const char *entry)
{
	char *line = NULL;
	assert_true(asprintf(&line, "%s%s", prefix, entry) > 0);
	size_t name_len = (size_t)(strchr(line, '=') - line) + 1;
	for (size_t i = 0; i < f->count; i++) {
		if (strncmp(f->environment[i], line, name_len) != 0)
			continue;
		free(f->environment[i]);
		f->environment[i] = line;
		return;
	}
	assert_true(f->count < MAX);
	f->environment[f->count++] = line;
}

static inline void
set(struct fixture *f, const char *entry)
{
	set_variable(f, SETTINGS_PREFIX, entry);
}

static inline void
clear(struct fixture *f)
{
	settings_free(f->s);
	f->s = NULL;
	for (size_t i = 0; i < f->count; i++)
		free(f->environment[i]);
	memset(f->environment, 0, sizeof(f->environment));
	f->count = 0;
}

static inline void
reset(struct fixture *f)
{
	clear(f);
	for (size_t i = 0; i < sizeof(working) / sizeof(working[0]); i++)
		set(f, working[i]);
}

static inline void
load(struct fixture *f, enum settings_command command)
{
	settings_free(f->s);
	f->problems.count = 0;
	f->problems.notes_count = 0;
	f->s = settings_load(f->environment, command, &f->problems);
	assert_int_equal(f->s != NULL, f->problems.count == 0);
}

static inline int
setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	assert_non_null(f);
	reset(f);
	*state = f;
	return 0;
}

static inline int
teardown(void **state)
{
	struct fixture *f = *state;
	clear(f);
	free(f);
	return 0;
}

static inline void
assert_fine(struct fixture *f)
{
	if (f->s == NULL)
		print_error("%s\n", f->problems.items[0].text);
	assert_non_null(f->s);
}

/* One problem, of this setting, whose text holds these words. */
static inline void
assert_problem(const struct fixture *f, const char *name, const char *words)
{
	char start[128];
	(void)snprintf(start, sizeof(start), "%s%s: ", SETTINGS_PREFIX, name);
	const char *text = f->problems.items[0].text;
	if (f->problems.count != 1 || strncmp(text, start, strlen(start)) != 0 ||
	    strstr(text, words) == NULL)
		fail_msg("%zu problems, the first \"%s\"; expected %s… %s", f->problems.count, text,
			 start, words);
}

#endif
