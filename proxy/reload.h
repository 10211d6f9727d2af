/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reloads files while the process runs: certificate, client secret, cookie keys, a workspace's key
 * for the relay, the relay's master keys and deny list, and the authorities of GitLab and the
 * relay, if they come from files.
 *
 * SIGHUP reloads immediately. Without a signal, a file is reloaded once it has changed and then
 * remains unchanged for RELOAD_INTERVAL; this includes mounted secrets that Kubernetes replaces. If
 * a file is invalid, the error is logged, the old contents remain in use, and the next change is
 * tried again.
 */
#ifndef PROXY_RELOAD_H
#define PROXY_RELOAD_H

#include "base/process/file_watch.h"
#include "proxy/gitlab_clients.h"

#define RELOAD_PARTS 7
#define RELOAD_PATHS 2

struct reload {
	struct proxy *proxy;
	struct settings *settings; /* reloading replaces their secrets */
	const struct gitlab_clients *clients;
	struct loop_timer timer;
	struct file_watch files[RELOAD_PARTS][RELOAD_PATHS];
};

/* Starts to watch the files. All arguments outlive r. */
void reload_start(struct reload *r, struct proxy *p, struct settings *settings,
		  const struct gitlab_clients *clients);
void reload_fini(struct reload *r); /* r may be all zero */

/* Logs the message with the fingerprint and the expiry of the current certificate. */
void reload_log_certificate(const struct proxy *p, const char *message);

/* Reloads all files. */
void reload_now(struct reload *r);

#endif
