/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `workspace-proxy run`, also the program workspace-run: runs the IDE and writes its output to a
 * file that the sidecar shows (LOG_FILES).
 */
#ifndef PROXY_COMMAND_RUN_H
#define PROXY_COMMAND_RUN_H

/* argv: "run [--log FILE] [--] COMMAND [ARGUMENT…]". Returns the command's exit code, 128 plus the
 * number of the signal that killed it, 127 if it is not found, 126 if it can't be started, or 2 for
 * a wrong command line. */
int run_main(int argc, char **argv);

#endif
