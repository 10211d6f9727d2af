/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reloads files while the process runs: certificate, client secret, cookie keys, a workspace's key
 * for the relay, the relay's master keys and deny list, and the authorities of GitLab and the
 * relay, if they come from files.
 *
 * On SIGHUP immediately, and without a signal when a file has changed and then remains unchanged
 * for an interval; this includes mounted secrets that Kubernetes replaces. If a file is invalid,
 * the old contents remain in use, the error is logged, and the next change is tried again.
 */
#ifndef PROXY_RELOAD_H
#define PROXY_RELOAD_H

#include "base/process/file_watch.h"
#include "proxy/gitlab_clients.h"

#define RELOAD_PARTS 7
#define RELOAD_PATHS 2

struct reload {
	struct proxy *proxy;
	struct settings *settings; /* whose secrets are replaced */
	const struct gitlab_clients *clients;
	struct loop_timer timer;
	struct file_watch files[RELOAD_PARTS][RELOAD_PATHS];
};

void reload_start(struct reload *r, struct proxy *p, struct settings *settings,
		  const struct gitlab_clients *clients);
void reload_fini(struct reload *r); /* fine after no start */

/* Says in the log which certificate is used from now on. */
void reload_log_certificate(const struct proxy *p, const char *message);

/* Reads everything again. */
void reload_now(struct reload *r);

#endif
