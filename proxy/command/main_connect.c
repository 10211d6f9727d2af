/* SPDX-License-Identifier: Apache-2.0 */
/*
 * workspace-connect: the client's commands as a small program for users' computers. Needs only
 * POSIX and OpenSSL.
 */
#include "ssh/client/client.h"

int
main(int argc, char **argv)
{
	return ssh_client_run(argc, argv);
}
