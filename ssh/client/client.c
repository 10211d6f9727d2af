/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The commands of workspace-connect, and its help.
 */
#include "ssh/client/client.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "ssh/client/client_private.h"

#define NAME "workspace-connect"

enum { USAGE = 2 };

static const struct {
	const char *name;
	int (*run)(int argc, char **argv);
	const char *help;
} commands[] = {
	{"login", ssh_client_login,
	 "HOST             allow this computer to connect to a workspace"},
	{"logout", ssh_client_logout,
	 "HOST            remove this computer's access to a workspace"},
	{"ssh", ssh_client_ssh, "HOST               open a shell in a workspace"},
	{"ssh-config", ssh_client_config,
	 "HOST|ZONE   configure ssh for workspaces, also for VS Code and others that use it"},
	{"trust", ssh_client_trust,
	 "ZONE             choose workspaces that may get a GitLab token, for automation"},
};

#define COMMANDS (sizeof(commands) / sizeof(commands[0]))

static int
print_help(FILE *out, int code)
{
	(void)fputs("usage: " NAME " COMMAND [ARGUMENT...]\n"
		    "\n"
		    "Connects to GitLab workspaces by SSH, through their own HTTPS address.\n"
		    "\n",
		    out);
	for (size_t i = 0; i < COMMANDS; i++)
		(void)fprintf(out, "  %s %s\n", commands[i].name, commands[i].help);
	(void)fputs("\n`" NAME " COMMAND --help` says more.\n", out);
	return code;
}

int
ssh_client_run(int argc, char **argv)
{
	/* A peer that is gone is an error of write, not our end. */
	(void)signal(SIGPIPE, SIG_IGN);
	client_program_set(NAME, argc > 0 ? argv[0] : NULL);
	if (argc < 2)
		return print_help(stderr, USAGE);
	for (size_t i = 0; i < COMMANDS; i++)
		if (strcmp(argv[1], commands[i].name) == 0)
			return commands[i].run(argc - 1, argv + 1);
	if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "help") == 0)
		return print_help(stdout, 0);
	if (strcmp(argv[1], "--version") == 0 || strcmp(argv[1], "version") == 0) {
		(void)puts(NAME " " VERSION);
		return 0;
	}
	(void)fprintf(stderr, NAME ": unknown command \"%.64s\"\n", argv[1]);
	return USAGE;
}
