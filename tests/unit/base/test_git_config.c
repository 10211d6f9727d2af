/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The rewrite rules of git's configuration for GitLab's addresses.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/git_config.h"

/* The values of all rules, one per line, for a GitLab whose ssh address is its own. */
static void
assert_rules(const char *gitlab, const char *key, const char *expected)
{
	static const struct git_ssh_address ssh = {.port = SSH_PORT};
	struct git_config_source source = {.ssh = &ssh, .helper = "helper"};
	struct git_config config;
	struct err e = ERR_INIT;
	struct arena arena;
	struct buf rules;
	struct url url;

	arena_init(&arena, 65536);
	buf_init(&rules, 65536);
	assert_true(url_parse(&url, str_from(gitlab), &arena, &e));
	source.gitlab = &url;
	assert_true(git_config_make(&config, &source, &arena));
	for (size_t i = 0; i < config.count; i++) {
		if (!str_ends_with(str_from(config.pairs[i].key), STR(".insteadOf")))
			continue;
		assert_string_equal(config.pairs[i].key, key);
		assert_true(buf_addf(&rules, "%s\n", config.pairs[i].value));
	}
	assert_true(buf_add_byte(&rules, '\0'));
	assert_string_equal(rules.data, expected);
	buf_fini(&rules);
	arena_fini(&arena);
}

static void
test_rules(void **state)
{
	(void)state;
	assert_rules("https://gitlab.example.com/git",
		     "url.https://gitlab.example.com/git/.insteadOf",
		     "git@gitlab.example.com:\nssh://git@gitlab.example.com/\n"
		     "http://gitlab.example.com/git/\n");
	assert_rules("https://gitlab.example.com:8443",
		     "url.https://gitlab.example.com:8443/.insteadOf",
		     "git@gitlab.example.com:\nssh://git@gitlab.example.com/\n");
	assert_rules("http://gitlab.example.com", "url.http://gitlab.example.com/.insteadOf",
		     "git@gitlab.example.com:\nssh://git@gitlab.example.com/\n");
}

static void
test_rules_for_an_ipv6_address(void **state)
{
	(void)state;
	assert_rules("https://[fd00::1]/git", "url.https://[fd00::1]/git/.insteadOf",
		     "http://[fd00::1]/git/\n");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rules),
		cmocka_unit_test(test_rules_for_an_ipv6_address),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
