/* SPDX-License-Identifier: Apache-2.0 */
/*
 * workspace-run: `workspace-proxy run` alone, linked without shared libraries, for containers that
 * have none of ours.
 */
#include "proxy/command/run.h"

int
main(int argc, char **argv)
{
	return run_main(argc, argv);
}
