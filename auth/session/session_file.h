/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The sealed file in STATE_DIR from which sessions are restored after a restart: read at start,
 * rewritten shortly after a change.
 *
 * It opens under the cookie secrets (the first seals, all open), for the same workspace, GitLab and
 * application; any other file is set aside. While it can't be written, sessions stay in memory.
 */
#ifndef AUTH_SESSION_SESSION_FILE_H
#define AUTH_SESSION_SESSION_FILE_H

#include "auth/session/session.h"

struct session_file;

struct session_file_events {
	/* Adds a session that was read. Takes the record's tokens, unless it fails. */
	bool (*restore)(struct session_store *st, struct session_record *r, struct err *e);
	/* What session_file_await promised. May end the session. */
	void (*stored)(struct auth_session *s);
};

/* Restores the sessions in it to st, which outlives it. NULL: STATE_DIR can't be used. */
struct session_file *session_file_open(struct session_store *st,
				       const struct session_file_events *events,
				       struct err *e) MUST_CHECK;

/* Stores all sessions once more, before they are freed. NULL is fine. */
void session_file_close(struct session_file *f);

/* Seals with the first of these from now on, and stores. On failure nothing has changed. */
bool session_file_replace_keys(struct session_file *f, const struct auth_keys *keys,
			       struct err *e) MUST_CHECK;

/* Notes a change that is to be stored. NULL is fine. */
void session_file_touch(struct session_file *f);

/* Stores now, and calls `stored` once the session is on the disk, or the disk takes too long.
 * False: there is nothing to wait for. f may be NULL. */
bool session_file_await(struct session_file *f, struct auth_session *s) MUST_CHECK;

#endif
