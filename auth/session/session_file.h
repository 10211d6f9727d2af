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
	/* Adds a session that was read. Takes the record's tokens unless it fails. */
	bool (*restore)(struct session_store *st, struct session_record *r, struct err *e);
	/* Called after session_file_await. May end the session. */
	void (*stored)(struct auth_session *s);
};

/* Opens the file and restores its sessions to st, which must outlive it. NULL: STATE_DIR can't be
 * used. */
struct session_file *session_file_open(struct session_store *st,
				       const struct session_file_events *events,
				       struct err *e) MUST_CHECK;

/* Stores all sessions again; call it before they are freed. Does nothing for NULL. */
void session_file_close(struct session_file *f);

/* Seals with the first of these keys from now on, and stores. On failure nothing has changed. */
bool session_file_replace_keys(struct session_file *f, const struct auth_keys *keys,
			       struct err *e) MUST_CHECK;

/* Schedules a write after a change. Does nothing for NULL. */
void session_file_touch(struct session_file *f);

/* Stores now, and calls `stored` once the session is on the disk, or after a timeout. False: no
 * need to wait. f may be NULL. */
bool session_file_await(struct session_file *f, struct auth_session *s) MUST_CHECK;

#endif
