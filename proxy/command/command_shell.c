/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `env` prints VSCODE_PROXY_URI, the address of ports as VS Code and code-server expect it, unless
 * the shell has it already. `git-config` prints shell commands that append to GIT_CONFIG_COUNT,
 * GIT_CONFIG_KEY_<n> and GIT_CONFIG_VALUE_<n>. The variable GUARD keeps nested shells from
 * appending it again.
 */
#include "base/git_config.h"
#include "proxy/command/command.h"

#define GUARD "GIT_CONFIG_WORKSPACE_PROXY"

/* Needs no quoting: host names and ports have no characters that a shell interprets. */
static bool
print_address(struct settings *s)
{
	struct str scheme = STR("https://");
	const char *origin = url_origin(&s->auth.external_url, &s->arena);
	struct str host;
	struct str rest;
	uint16_t port;

	if (origin == NULL)
		return false;
	host = str_skip(str_from(origin), scheme.len);
	if (!ports_split_host(host, &port, &rest))
		rest = host;
	(void)printf("[ -n \"${VSCODE_PROXY_URI-}\" ] || "
		     "export VSCODE_PROXY_URI=https://{{port}}-%.*s/\n",
		     STR_FMT(rest));
	return true;
}

int
command_env(void)
{
	struct settings *s = command_load_settings(SETTINGS_ENV);
	bool ok = s != NULL && print_address(s);

	settings_free(s);
	return ok ? command_finish() : 1;
}

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

static void
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

		ok = git_config_make(&config, &source, &s->arena);
	}
	if (ok)
		print_config(&config);
	settings_free(s);
	return ok ? command_finish() : 1;
}
