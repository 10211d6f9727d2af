/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The commands for users' computers: login, logout, ssh, ssh-config and trust. They connect to
 * a workspace's <prefix>/ssh over HTTPS and run the system's ssh; no GitLab token is stored.
 */
#ifndef SSH_CLIENT_CLIENT_H
#define SSH_CLIENT_CLIENT_H

/* Exit codes: 0 success, 1 failure, 2 usage; `ssh --stdio` fails with 255, like ssh. argv[0] is the
 * command's name. */
int ssh_client_login(int argc, char **argv);
int ssh_client_logout(int argc, char **argv);
int ssh_client_ssh(int argc, char **argv);
int ssh_client_config(int argc, char **argv);
int ssh_client_trust(int argc, char **argv);

/* All of workspace-connect: argv as main has it. */
int ssh_client_run(int argc, char **argv);

#endif
