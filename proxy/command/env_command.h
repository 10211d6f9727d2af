/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `workspace-proxy env`: the variables that injection sets for an IDE, for the profile of a shell
 * outside Kubernetes.
 */
#ifndef PROXY_COMMAND_ENV_COMMAND_H
#define PROXY_COMMAND_ENV_COMMAND_H

/* Prints commands of a POSIX shell. Exit codes: 0 done, 1 configuration. */
int env_command_run(char **environment);

#endif
