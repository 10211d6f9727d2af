/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The list of commands and the manual pages. For proxy/command/command_*.c only.
 */
#ifndef PROXY_COMMAND_COMMAND_PRIVATE_H
#define PROXY_COMMAND_COMMAND_PRIVATE_H

#include <stdio.h>

/* A command for help and manual page. */
struct command_text {
	const char *name; /* with its arguments; NULL ends the list */
	const char *text;
};

/* In the order of the help. */
extern const struct command_text command_texts[];

/* Print workspace-proxy(1), the commands, and workspace-proxy(5), the settings, in the macros of
 * man(7). */
void command_print_man_page(FILE *out);
void command_print_settings_man_page(FILE *out);

#endif
