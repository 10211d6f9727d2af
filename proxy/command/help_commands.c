/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The commands, in the order of the help.
 */
#include "proxy/command/help_commands.h"

#include <stddef.h>

const struct help_command help_commands[] = {
	{"serve", "the sidecar (default)"},
	{"relay", "the callback address that all workspaces share, and their token broker"},
	{"relay-key HOST", "print a workspace's key for the relay, from RELAY_MASTER_KEY"},
	{"clone", "clone the repository and exit, for init containers"},
	{"credential", "git's credential helper: asks the sidecar for the user's token"},
	{"git-config", "print git's configuration for the profile of a shell"},
	{"env", "print the addresses of ports, for VS Code, for the profile of a shell"},
	{"login HOST, logout HOST",
	 "allow this computer to connect to a workspace by SSH, or end that"},
	{"ssh HOST", "open a shell in a workspace"},
	{"ssh-config HOST|ZONE [--write]",
	 "configure ssh, and so VS Code and others, for workspaces"},
	{"trust ZONE", "choose workspaces that may get a GitLab token, for automation"},
	{"run -- COMMAND", "run the IDE, and keep its output in a file that users see as its log"},
	{"install [--sshd] DIR",
	 "copy git-credential-workspace, workspace-ssh and workspace-run, the "
	 "helpers without libraries, to DIR; with sshd for images that have none"},
	{"inject", "add the sidecar to Kubernetes manifests, as a filter"},
	{"uninject", "remove it from manifests again"},
	{"webhook", "add it to pods, as an admission webhook"},
	{"webhook-certs SERVICE.NAMESPACE DIR", "create certificates for the webhook"},
	{"cluster-check", "print problems of a cluster, and pods that have an old sidecar"},
	{"check [relay|inject|webhook]",
	 "read the configuration; print the effective settings, or all errors"},
	{"help", "this text"},
	{"version", "the version"},
	{NULL, NULL},
};
