/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Prints git's configuration as assignments to its own environment, appended to what is there when
 * the shell reads them; once, however many shells start each other.
 */
#include "proxy/command/git_config_command.h"

#include <stdio.h>

#include "base/git_config.h"
#include "proxy/settings/settings.h"

#define GUARD "GIT_CONFIG_WORKSPACE_PROXY"

static void
print_quoted(const char *text)
{
	(void)putchar('\'');
	for (; *text != '\0'; text++) {
		if (*text == '\'')
			(void)fputs("'\\''", stdout);
		else
			(void)putchar(*text);
	}
	(void)putchar('\'');
}

static bool
print_config(const struct git_config *config)
{
	(void)fputs("if [ -z \"${" GUARD "-}\" ]; then\n\tgit_config_n=${GIT_CONFIG_COUNT:-0}\n",
		    stdout);
	for (size_t i = 0; i < config->count; i++) {
		(void)fputs("\texport \"GIT_CONFIG_KEY_$git_config_n\"=", stdout);
		print_quoted(config->pairs[i].key);
		(void)fputs(" \"GIT_CONFIG_VALUE_$git_config_n\"=", stdout);
		print_quoted(config->pairs[i].value);
		(void)fputs("\n\tgit_config_n=$((git_config_n + 1))\n", stdout);
	}
	(void)fputs("\texport GIT_CONFIG_COUNT=\"$git_config_n\" " GUARD
		    "=1\n\tunset git_config_n\nfi\n",
		    stdout);
	return fflush(stdout) == 0 && ferror(stdout) == 0;
}

int
git_config_command_run(char **environment)
{
	struct conf_problems problems = {.count = 0, .notes_count = 0};
	struct git_config config;
	struct settings *s;
	bool ok = false;

	s = settings_load(environment, SETTINGS_GIT_CONFIG, &problems);
	conf_print_problems(&problems, stderr);
	if (s != NULL) {
		const struct git_config_source source = {.gitlab = &s->auth.gitlab_url,
							 .ssh = &s->clone.gitlab_ssh,
							 .helper = s->clone.helper,
							 .other_owner = s->clone.group.is_set};

		ok = git_config_make(&config, &source, &s->arena) && print_config(&config);
	}
	settings_free(s);
	return ok ? 0 : 1;
}
