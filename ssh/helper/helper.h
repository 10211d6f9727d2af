/* SPDX-License-Identifier: Apache-2.0 */
/*
 * workspace-ssh: runs in the IDE's container as its user, without privileges. Listens at a unix
 * socket for the sidecar, and starts `sshd -i` for each connection: no TCP port, no root, one
 * authorized key per connection. The protocol is that of ssh/message.h.
 */
#ifndef SSH_HELPER_HELPER_H
#define SSH_HELPER_HELPER_H

/*
 * The program. Exit codes: 0 success (`start`: it listens in the background, or already did), 1
 * failure, 2 usage.
 */
int ssh_helper_run(int argc, char **argv);

#endif
