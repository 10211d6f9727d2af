/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The protocol between the sidecar and workspace-ssh, its helper in the IDE's container: one line
 * each way on a unix socket. After an accepted connect request the connection carries SSH.
 *
 *	workspace-ssh 1 info
 *	workspace-ssh 1 connect <id> <key type> <base64>
 *	ok <user> <host key type> <base64> [<notice>]
 *	problem <sentence>
 */
#ifndef SSH_MESSAGE_H
#define SSH_MESSAGE_H

#include "ssh/key.h"

#define SSH_MESSAGE_MAX	 1024u
#define SSH_USER_MAX	 32u
#define SSH_SENTENCE_MAX 300u
#define SSH_ID_MAX	 64u

struct ssh_request {	 /* views */
	bool is_connect; /* false: info */
	struct str id;	 /* of the HTTP request, for logs */
	struct ssh_key key;
};

struct ssh_answer { /* views */
	bool is_ok;
	struct str user;
	struct ssh_key host_key;
	struct str sentence; /* what is wrong; with is_ok: what does not work; or empty */
};

/* Appends the line. False: a value is not allowed, or out is full. */
bool ssh_request_write(const struct ssh_request *r, struct buf *out) MUST_CHECK;
bool ssh_answer_write(const struct ssh_answer *a, struct buf *out) MUST_CHECK;

/* Parses a line without its end. ERR_PROTOCOL. */
bool ssh_request_parse(struct str line, struct ssh_request *r, struct err *e) MUST_CHECK;
bool ssh_answer_parse(struct str line, struct ssh_answer *a, struct err *e) MUST_CHECK;

/* Whether this is a valid user name for a message: 1 to SSH_USER_MAX letters, digits, '.', '_' and
 * '-', the first of them no '-'. */
bool ssh_user_is_valid(struct str user);

/* Printable ASCII, at most SSH_SENTENCE_MAX bytes; also none. */
bool ssh_sentence_is_valid(struct str s);

#endif
