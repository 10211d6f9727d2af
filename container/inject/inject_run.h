/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The command `workspace-proxy inject`.
 */
#ifndef CONTAINER_INJECT_INJECT_RUN_H
#define CONTAINER_INJECT_INJECT_RUN_H

#include "container/container_settings.h"

/* argv[0] is the command's name. Exit codes: 0 success, 1 problems, 2 usage, and with --check 3:
 * the manifests are valid and would be changed. */
int inject_run(const struct container_settings *settings, int argc, char **argv);

/* Handles --help and wrong arguments, which need no settings: true with the exit code in *code. */
bool inject_run_is_usage(int argc, char **argv, int *code);

/* `workspace-proxy uninject`, which needs no settings. Exit codes: 0, 1 problems, 2 usage. */
int uninject_run(int argc, char **argv);

#endif
