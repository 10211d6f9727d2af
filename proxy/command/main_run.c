/* SPDX-License-Identifier: Apache-2.0 */
/*
 * workspace-run: only `workspace-proxy run`, statically linked for containers without our shared
 * libraries.
 */
#include "proxy/command/run.h"

int
main(int argc, char **argv)
{
	return run_main(argc, argv);
}
