/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Prints git's configuration as shell commands that append to GIT_CONFIG_COUNT, GIT_CONFIG_KEY_<n>
 * and GIT_CONFIG_VALUE_<n>. The variable GUARD keeps nested shells from appending it again.
 */
#include "base/git_config.h"
#include "proxy/command/command.h"

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
command_git_config(void)
{
	struct settings *s = command_load_settings(SETTINGS_GIT_CONFIG);
	struct git_config config;
	bool ok = false;

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
