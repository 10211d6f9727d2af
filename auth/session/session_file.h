/* SPDX-License-Identifier: Apache-2.0 */
/*
 * STATE_DIR's sealed file, by which sessions outlive the process: read at start, written anew
 * shortly after something changed.
 *
 * It opens under the cookie secrets (the first seals, all open), for the same workspace, GitLab and
 * application; anything else is set aside. When it can't be written, sessions go on in memory.
 */
#ifndef AUTH_SESSION_SESSION_FILE_H
#define AUTH_SESSION_SESSION_FILE_H

#include "auth/session/session.h"

struct session_file;

/* Puts the sessions that it holds into st, which outlives it. NULL: STATE_DIR can't be used. */
struct session_file *session_file_open(struct session_store *st, struct err *e) MUST_CHECK;

/* Stores all sessions once more, before they are freed. NULL is fine. */
void session_file_close(struct session_file *f);

/* Seals with the first of these from now on, and stores. On failure nothing has changed. */
bool session_file_replace_keys(struct session_file *f, const struct auth_keys *keys,
			       struct err *e) MUST_CHECK;

/* Says that what would be stored has changed. NULL is fine. */
void session_file_touch(struct session_file *f);

/* Stores now; session_recheck_resume(s) is called once the session is on the disk, or the disk
 * takes too long. False: there is nothing to wait for. f may be NULL. */
bool session_file_await(struct session_file *f, struct auth_session *s) MUST_CHECK;

#endif
