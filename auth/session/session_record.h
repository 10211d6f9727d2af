/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Serializes a session for the session file, and parses it. All times are of the wall clock, the
 * only one that a restart does not reset. Neither sealed nor checked for age here.
 */
#ifndef AUTH_SESSION_SESSION_RECORD_H
#define AUTH_SESSION_SESSION_RECORD_H

#include "auth/session/session_devices.h"
#include "base/str.h"

struct session_record {
	uint8_t id[SESSION_ID_BYTES];
	struct str cookie; /* a view into the bytes that were read */
	struct gitlab_user user;
	struct gitlab_tokens tokens;
	int64_t opened_ms;
	int64_t used_ms;
	int64_t allowed_ms;	  /* GitLab's last confirmation */
	int64_t token_expires_ms; /* 0: not given */
	bool refresh_lost;
	struct session_device devices[AUTH_DEVICES_MAX];
	size_t devices_count;
};

/* Returns the number of bytes that session_record_write adds. */
size_t session_record_size(const struct auth_session *s);
bool session_record_write(const struct auth_session *s, struct buf *out);

/* Removes the next record from *rest. The caller owns the tokens, even on failure. */
bool session_record_read(struct str *rest, struct session_record *r, struct err *e) MUST_CHECK;

#endif
