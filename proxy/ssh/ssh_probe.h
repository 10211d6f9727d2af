/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Probes workspace-ssh, or an sshd, at intervals, for /ready and the status page.
 */
#ifndef PROXY_SSH_SSH_PROBE_H
#define PROXY_SSH_SSH_PROBE_H

#include "proxy/ssh/ssh_link.h"

struct ssh_probe;

/* server outlives the probe. NULL: out of memory. */
struct ssh_probe *ssh_probe_new(struct loop *l, struct deferred_free_queue *deferred_frees,
				const struct ssh_server *server, struct err *e) MUST_CHECK;
void ssh_probe_free(struct ssh_probe *p); /* does nothing for NULL */

const struct ssh_server *ssh_probe_server(const struct ssh_probe *p);

/* Starts a probe in the background, at most once a second; for an sshd that responds, at most every
 * 30 seconds. */
void ssh_probe_ask(struct ssh_probe *p);

/* Returns the problem that the last probe found; NULL: none, or no result yet. Valid until the
 * event loop runs again. */
const char *ssh_probe_problem(const struct ssh_probe *p);

/* Returns the user name in the workspace, from the last answer that had one; NULL: not known. Valid
 * until the event loop runs again. */
const char *ssh_probe_user(const struct ssh_probe *p);

#endif
