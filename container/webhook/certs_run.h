/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The command `workspace-proxy webhook-certs`.
 */
#ifndef CONTAINER_WEBHOOK_CERTS_RUN_H
#define CONTAINER_WEBHOOK_CERTS_RUN_H

/* argv[0] is the command's name. Exit codes: 0 success, 1 failure, 2 usage. */
int certs_run(int argc, char **argv);

#endif
