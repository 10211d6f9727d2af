/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The commands, for the help and the manual page.
 */
#ifndef PROXY_COMMAND_HELP_COMMANDS_H
#define PROXY_COMMAND_HELP_COMMANDS_H

struct help_command {
	const char *name; /* with its arguments; NULL: the end */
	const char *text;
};

extern const struct help_command help_commands[];

#endif
