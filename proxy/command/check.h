/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `workspace-proxy check`: prints the effective configuration, or all its problems.
 */
#ifndef PROXY_COMMAND_CHECK_H
#define PROXY_COMMAND_CHECK_H

#include <stdio.h>

#include "proxy/settings/settings.h"

/* As this command would read it. Prints the effective settings to out (secrets as
 * "set") and returns 0, or every problem on a line of its own to errors and returns 1. Notes go to
 * errors in both cases. */
int check_run(char **environment, enum settings_command command, FILE *out, FILE *errors);

#endif
