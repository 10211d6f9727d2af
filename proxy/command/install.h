/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `workspace-proxy install DIR`: copies git-credential-workspace and workspace-run from this
 * program's directory to one that the workspace's container sees, for images that have no other
 * program to copy with.
 */
#ifndef PROXY_COMMAND_INSTALL_H
#define PROXY_COMMAND_INSTALL_H

/* Exit codes: 0 done; 1 it can't be copied; 2 command line. */
int install_run(int argc, char **argv);

#endif
