/* SPDX-License-Identifier: Apache-2.0 */
/*
 * workspace-ssh: starts sshd in the IDE's container for the sidecar. Statically linked, for
 * containers without our shared libraries.
 */
#include "ssh/helper/helper.h"

int
main(int argc, char **argv)
{
	return ssh_helper_run(argc, argv);
}
