/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `workspace-proxy relay-key HOST`: prints the RELAY_KEY of a workspace.
 */
#ifndef PROXY_COMMAND_RELAY_KEY_H
#define PROXY_COMMAND_RELAY_KEY_H

/* argv[0] is the command. Prints the key to standard output and returns 0; 1 when the
 * configuration or the host is wrong, 2 for a wrong command line. */
int relay_key_run(int argc, char **argv, char **environment);

#endif
