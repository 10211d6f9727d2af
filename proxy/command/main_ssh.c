/* SPDX-License-Identifier: Apache-2.0 */
/*
 * workspace-ssh: starts sshd in the IDE's container for the sidecar, linked without shared
 * libraries, for containers that have none of ours.
 */
#include "ssh/helper/helper.h"

int
main(int argc, char **argv)
{
	return ssh_helper_run(argc, argv);
}
