/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Credentials for git in the workspace, a front door of its own: the language of git-credential(1)
 * as git, our helper and the sidecar speak it, and the helper itself. Who gets which token is
 * decided by the sidecar.
 *
 * A message is lines "key=value" and an empty line. Helper and sidecar add "operation" and
 * "status"; unknown keys are ignored.
 */
#ifndef CLONE_CREDENTIAL_CREDENTIAL_H
#define CLONE_CREDENTIAL_CREDENTIAL_H

#include "base/str.h"
#include "base/url.h"

#define CREDENTIAL_SOCKET_NAME "credential.sock" /* in STATE_DIR */
#define CREDENTIAL_MESSAGE_MAX 8192u		 /* bytes between helper and sidecar */
#define CREDENTIAL_ANSWER_MS   20000u /* the sidecar has answered by then, whatever GitLab does */

enum credential_operation {
	CREDENTIAL_OTHER, /* of a later git: silently ignored */
	CREDENTIAL_GET,
	CREDENTIAL_STORE,
	CREDENTIAL_ERASE,
};
enum credential_operation credential_operation_from(struct str name);

struct credential_request { /* views into the message; empty where not said */
	enum credential_operation operation;
	struct str protocol;
	struct str host; /* with the port, where there is one */
	struct str password;
};

enum credential_status {
	CREDENTIAL_BROKEN,	/* no status that we know */
	CREDENTIAL_GIVEN,	/* username, password */
	CREDENTIAL_NOTHING,	/* not for us; or there was nothing to answer */
	CREDENTIAL_SIGN_IN,	/* message says where */
	CREDENTIAL_UNAVAILABLE, /* message */
	CREDENTIAL_REFUSED,	/* message: not for this caller */
};

struct credential_answer { /* views into the message */
	enum credential_status status;
	struct str username;
	struct str password;
	int64_t expires_at_s; /* password_expiry_utc; 0: not said */
	struct str message;   /* a sentence for people */
};

/* Bytes of the first message in text with its empty line; 0: it is not whole yet. */
size_t credential_message_len(struct str text);

/*
 * Takes a message apart, up to its empty line or its end. ERR_INPUT: a line without '=' or without
 * a key, or a control character. Of repeated keys the last one counts; `url` sets what it holds.
 */
bool credential_parse_request(struct str text, struct credential_request *r,
			      struct err *e) MUST_CHECK;
bool credential_parse_answer(struct str text, struct credential_answer *a,
			     struct err *e) MUST_CHECK;

/* Append a message. False: no room, or a value with a control character. */
bool credential_add_request(const struct credential_request *r, struct buf *out) MUST_CHECK;
bool credential_add_answer(const struct credential_answer *a, struct buf *out) MUST_CHECK;

/* Whether the request is for this very scheme, host and port. */
bool credential_is_for(const struct credential_request *r, const struct url *origin);

/*
 * Appends what git's credential.helper says to find the sidecar: program and socket as the
 * workspace sees them.
 */
bool credential_add_command(struct buf *out, struct str program, struct str socket) MUST_CHECK;

/*
 * `workspace-proxy credential`: git's helper. Needs no settings but the socket's path. Exit codes:
 * 0 done, or nothing to say; 1 the sidecar can't be asked; 2 command line.
 */
int credential_run(int argc, char **argv);

#endif
