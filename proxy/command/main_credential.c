/* SPDX-License-Identifier: Apache-2.0 */
/*
 * git-credential-workspace: `workspace-proxy credential` alone, linked statically, for containers
 * without our shared libraries. git finds it as `credential.helper = workspace` if it is on the
 * path.
 */
#include <signal.h>
#include <sys/prctl.h>

#include "clone/credential/credential.h"

int
main(int argc, char **argv)
{
	(void)signal(SIGPIPE, SIG_IGN);
#ifndef SANITIZED
	(void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
#endif
	return credential_run(argc, argv);
}
