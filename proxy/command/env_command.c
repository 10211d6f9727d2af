/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Prints the address of ports in the form of VS Code and code-server, for shells that do not have
 * one yet.
 */
#include "proxy/command/env_command.h"

#include <stdio.h>

#include "proxy/settings/settings.h"

/* Host names and ports have no character that a shell would interpret. */
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
	return fflush(stdout) == 0 && ferror(stdout) == 0;
}

int
env_command_run(char **environment)
{
	struct conf_problems problems = {.count = 0, .notes_count = 0};
	struct settings *s = settings_load(environment, SETTINGS_ENV, &problems);
	bool ok;

	conf_print_problems(&problems, stderr);
	ok = s != NULL && print_address(s);
	settings_free(s);
	return ok ? 0 : 1;
}
