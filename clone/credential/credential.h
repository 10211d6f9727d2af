/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Credentials for git in the workspace: the git-credential(1) protocol between git, our helper and
 * the sidecar, and the helper itself. The sidecar decides who gets which token.
 *
 * A message is "key=value" lines and an empty line. Helper and sidecar add the keys "operation" and
 * "status"; unknown keys are ignored.
 */
#ifndef CLONE_CREDENTIAL_CREDENTIAL_H
#define CLONE_CREDENTIAL_CREDENTIAL_H

#include "base/str.h"
#include "base/url.h"

#define CREDENTIAL_SOCKET_NAME "credential.sock" /* in STATE_DIR */
#define CREDENTIAL_MESSAGE_MAX 8192u		 /* bytes between helper and sidecar */
#define CREDENTIAL_ANSWER_MS   20000u		 /* time limit for the sidecar's answer */

enum credential_operation {
	CREDENTIAL_OTHER, /* unknown, from a newer git: ignored */
	CREDENTIAL_GET,
	CREDENTIAL_STORE,
	CREDENTIAL_ERASE,
};
enum credential_operation credential_operation_from(struct str name);

struct credential_request { /* views into the message; empty if absent */
	enum credential_operation operation;
	struct str protocol;
	struct str host; /* with the port, if any */
	struct str password;
	bool is_registry; /* for a container registry, not for git */
};

enum credential_status {
	CREDENTIAL_BROKEN,	/* unknown status */
	CREDENTIAL_GIVEN,	/* username, password */
	CREDENTIAL_NOTHING,	/* another host, or no answer needed */
	CREDENTIAL_SIGN_IN,	/* message has the address */
	CREDENTIAL_UNAVAILABLE, /* message */
	CREDENTIAL_REFUSED,	/* caller not allowed; has a message */
};

struct credential_answer { /* views into the message */
	enum credential_status status;
	struct str username;
	struct str password;
	int64_t expires_at_s; /* password_expiry_utc; 0: absent */
	struct str message;   /* a sentence for users */
};

/* Length of the first message in text including its empty line; 0: incomplete. */
size_t credential_message_len(struct str text);

/*
 * Parses a message up to its empty line or its end. ERR_INPUT: a line without '=' or without a key,
 * or a control character. The last of repeated keys wins; `url` sets the fields it contains.
 */
bool credential_parse_request(struct str text, struct credential_request *r,
			      struct err *e) MUST_CHECK;
bool credential_parse_answer(struct str text, struct credential_answer *a,
			     struct err *e) MUST_CHECK;

/* Append a message. False: buffer full, or a value with a control character. */
bool credential_add_request(const struct credential_request *r, struct buf *out) MUST_CHECK;
bool credential_add_answer(const struct credential_answer *a, struct buf *out) MUST_CHECK;

/* Whether the request is for exactly this scheme, host and port. */
bool credential_is_for(const struct credential_request *r, const struct url *origin);

/*
 * Appends the value of git's credential.helper: program and socket with their paths in the
 * workspace.
 */
bool credential_add_command(struct buf *out, struct str program, struct str socket) MUST_CHECK;

/*
 * `workspace-proxy credential`: git's helper. Needs only the socket's path. Exit codes: 0 done,
 * nothing to do, or git was told to quit (also if the sidecar is unreachable); 1 refused, no socket
 * configured, or invalid input; 2 usage.
 */
int credential_run(int argc, char **argv);

/*
 * `docker-credential-workspace`: a credential helper of docker, podman, buildah and skopeo
 * (github.com/docker/docker-credential-helpers) for container registries. Exit codes: 0 done; 1 no
 * credential, with the reason on standard output; 2 usage.
 */
int credential_run_docker(int argc, char **argv);

#endif
