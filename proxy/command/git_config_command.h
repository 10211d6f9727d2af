/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `workspace-proxy git-config`: what injection puts into the environment of an IDE, for the profile
 * of a shell outside Kubernetes.
 */
#ifndef PROXY_COMMAND_GIT_CONFIG_COMMAND_H
#define PROXY_COMMAND_GIT_CONFIG_COMMAND_H

/* Prints commands of a POSIX shell. Exit codes: 0 done, 1 configuration. */
int git_config_command_run(char **environment);

#endif
