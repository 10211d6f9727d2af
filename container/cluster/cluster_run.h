/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The command `workspace-proxy cluster-check`.
 */
#ifndef CONTAINER_CLUSTER_CLUSTER_RUN_H
#define CONTAINER_CLUSTER_CLUSTER_RUN_H

/* Exit codes: 0 no problems, 1 problems, which are printed, 2 wrong usage, 3 the cluster or a file
 * can't be read. */
int cluster_run(int argc, char **argv);

#endif
