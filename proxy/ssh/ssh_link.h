/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A connection to workspace-ssh, the helper in the IDE's container: sends a request, receives the
 * answer, and then carries the bytes of one SSH connection. Or a connection to an sshd, for which
 * the answer comes from the settings, once sshd has sent its identification string. Parses nothing
 * else of SSH.
 */
#ifndef PROXY_SSH_SSH_LINK_H
#define PROXY_SSH_SSH_LINK_H

#include "base/net/address.h"
#include "base/net/deferred_free.h"
#include "base/net/loop.h"
#include "ssh/message.h"

struct ssh_link;

#define SSH_LINK_ANSWER_MS   10000u /* from connecting to the helper's answer */
#define SSH_LINK_GREETING_MS 20000u /* from the answer to sshd's first byte: its LoginGraceTime */
#define SSH_LINK_HEADROOM    16u
#define SSH_LINK_BYTES_MAX   (8u * 16384u - SSH_LINK_HEADROOM) /* per call of on_bytes */
#define SSH_LINK_NO_HELPER   "the SSH helper is not running in the workspace"
#define SSH_LINK_BAD_ANSWER  "the SSH helper sent an invalid answer"
#define SSH_LINK_LATE_ANSWER "the SSH helper did not answer in time"
#define SSH_LINK_WRONG_USER  "a process of the wrong user listens at SSH_SOCKET"
#define SSH_LINK_NO_SSHD     "sshd is not running in the workspace"
#define SSH_LINK_NOT_SSHD    "the server at SSH_UPSTREAM is not an sshd, or is too busy"
#define SSH_LINK_LATE_SSHD   "sshd did not answer in time"

/* The server to connect to. */
struct ssh_server {
	const struct address *address; /* NULL: none */
	bool is_sshd;		       /* false: workspace-ssh */
	struct ssh_answer answer;      /* for an sshd, from the settings */
	/* User id of workspace-ssh. Our own, that of the directory's owner and, if group or others
	 * may write to the directory, any user id are accepted, too. */
	uint64_t uid;
};

/* Called from the event loop, never from within a call of this module. Each may free the link. If
 * on_answer always does, all but on_failed may be NULL after it. */
struct ssh_link_handler {
	void (*on_answer)(const struct ssh_answer *a, void *arg);
	/* len is 1 to SSH_LINK_BYTES_MAX. SSH_LINK_HEADROOM bytes before data may be written. */
	void (*on_bytes)(char *data, size_t len, void *arg);
	void (*on_read_done)(void *arg); /* all bytes of this wake-up were delivered */
	void (*on_drained)(void *arg);	 /* no longer blocked */
	void (*on_end)(void *arg);	 /* sshd has closed the connection */
	/* No valid answer, or a connection error. e has one of the messages above, or a system
	 * error. */
	void (*on_failed)(const struct err *e, void *arg);
};

/* Connects and sends the request. server and handler outlive the link. NULL on failure. */
struct ssh_link *ssh_link_new(struct loop *l, struct deferred_free_queue *deferred_frees,
			      const struct ssh_server *server, const struct ssh_request *request,
			      const struct ssh_link_handler *handler, void *arg,
			      struct err *e) MUST_CHECK;

/* Closes the connection; no handler runs afterwards. Does nothing for NULL. */
void ssh_link_free(struct ssh_link *link);

/* For the SSH connection, after the answer to a connect request. */
void ssh_link_send(struct ssh_link *link, struct str data);
bool ssh_link_is_blocked(const struct ssh_link *link); /* send no more until on_drained */
void ssh_link_want_read(struct ssh_link *link, bool wanted);

#endif
