/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What several commands do: loading settings, rejecting a command line, and ending.
 */
#include "proxy/command/command.h"

#include <unistd.h>

struct settings *
command_load_settings(enum settings_command command)
{
	struct conf_problems problems = {.count = 0, .notes_count = 0};
	struct settings *s = settings_load(environ, command, &problems);

	conf_print_problems(&problems, stderr);
	return s;
}

int
command_refuse(const char *what, const char *word)
{
	(void)fprintf(stderr, "workspace-proxy: %s \"%.64s\"; see its help\n", what, word);
	return 2;
}

int
command_finish(void)
{
	return fflush(stdout) == 0 && ferror(stdout) == 0 ? 0 : 1;
}
