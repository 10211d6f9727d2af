/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The commands of workspace-proxy that are no servers: they print to standard output and return
 * the exit code of the process. 0: done; 1: the configuration is invalid or the command failed;
 * 2: the command line is wrong.
 *
 * argv[0] is the name of the command. Settings are read from environ.
 */
#ifndef PROXY_COMMAND_COMMAND_H
#define PROXY_COMMAND_COMMAND_H

#include <stdio.h>

#include "proxy/settings/settings.h"

/* Loads the settings of a command and prints all problems to standard error. NULL if there are
 * any; free the result with settings_free. */
struct settings *command_load_settings(enum settings_command command);

/* Reports an invalid command-line argument `word`; what: the message. Returns the exit code, 2. */
int command_refuse(const char *what, const char *word);

/* Flushes the output. Returns the exit code, 1 after a failed write: output is often redirected. */
int command_finish(void);

/* `check [relay|inject|webhook]`: prints the effective configuration, or all its problems. */
int command_check(int argc, char **argv);

/* As command_check, for one command's settings. Prints the effective settings to out (secrets as
 * "set") and returns 0, or prints every problem to errors, one per line, and returns 1. Prints
 * notes to errors in both cases. */
int command_check_settings(char **environment, enum settings_command command, FILE *out,
			   FILE *errors);

/* `env` and `git-config`: print, as commands for a POSIX shell, the environment that injection sets
 * in an IDE's container, for the profile of a shell outside Kubernetes. */
int command_env(void);
int command_git_config(void);

int command_help(void);
int command_version(void);

/* `docs NAME`: prints a generated document: "configuration", "metrics", or a manual page,
 * "workspace-proxy.1" or "workspace-proxy.5". */
int command_docs(int argc, char **argv);

/* `install [--sshd] DIR`: copies the helper programs from this program's directory to DIR, which
 * the IDE's container mounts; for images without a program that could copy them. */
int command_install(int argc, char **argv);

/* `relay-key HOST`: prints the RELAY_KEY of a workspace. */
int command_relay_key(int argc, char **argv);

#endif
