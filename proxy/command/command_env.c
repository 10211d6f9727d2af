/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Prints VSCODE_PROXY_URI, the address of ports as VS Code and code-server expect it, unless the
 * shell has it already.
 */
#include "proxy/command/command.h"

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
	return fflush(stdout) == 0 && ferror(stdout) == 0;
}

int
command_env(void)
{
	struct settings *s = command_load_settings(SETTINGS_ENV);
	bool ok = s != NULL && print_address(s);

	settings_free(s);
	return ok ? 0 : 1;
}
