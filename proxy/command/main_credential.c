/* SPDX-License-Identifier: Apache-2.0 */
/*
 * git-credential-workspace: only `workspace-proxy credential`, statically linked for containers
 * without our shared libraries. If it is on the PATH, git finds it by `credential.helper =
 * workspace`. Called as docker-credential-workspace it is the helper of container tools.
 */
#include <signal.h>
#include <sys/prctl.h>

#include "clone/credential/credential.h"

/* docker-credential-workspace is a link to this program. */
static bool
is_docker(const char *path)
{
	const char *slash = strrchr(path, '/');
	const char *name = slash == NULL ? path : slash + 1;

	return strncmp(name, "docker-credential-", strlen("docker-credential-")) == 0;
}

int
main(int argc, char **argv)
{
	(void)signal(SIGPIPE, SIG_IGN);
#ifndef SANITIZED
	(void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
#endif
	return is_docker(argc > 0 ? argv[0] : "") ? credential_run_docker(argc, argv)
						  : credential_run(argc, argv);
}
