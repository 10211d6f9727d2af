/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A session and the store of all sessions, for the files of this folder. Calls go downwards only:
 *
 *	session_store                      by cookie, by id; opens and closes the file
 *	session, session_lease             opening and ending; tokens for git
 *	session_recheck, session_devices   refresh, then authorization; computers with SSH
 *	session_file, session_record       the disk
 *	session_watch, session_assertion, session_guest, session_history
 *	session_table, session_cookie, session_lifetime, session_identity
 *	session_tokens, session_authorization
 *
 * Lower layers report through callbacks, and only session.c ends a session.
 */
#ifndef AUTH_SESSION_SESSION_PRIVATE_H
#define AUTH_SESSION_SESSION_PRIVATE_H

#include "auth/session/session.h"
#include "auth/session/session_authorization.h"
#include "auth/session/session_devices.h"
#include "auth/session/session_recheck.h"
#include "auth/session/session_tokens.h"
#include "auth/session/session_watch.h"
#include "auth/share/port_share.h"

#define SESSION_BUCKETS		 256u
#define SESSION_COOKIE_MAX	 160u
#define SESSION_PORT_COOKIES_MAX 3u /* cookies that may get lost before an explanation is shown */

struct session_assertion;
struct session_file;

enum session_recheck_outcome {
	SESSION_RECHECK_DONE,	 /* allowed, or no answer: the session continues */
	SESSION_RECHECK_REFUSED, /* GitLab no longer allows the user */
	SESSION_RECHECK_EXPIRED, /* the tokens are no longer valid */
};
typedef void session_rechecked_fn(struct auth_session *s, enum session_recheck_outcome outcome);

LIST_HEAD(session_wait_list, session_wait);
LIST_HEAD(session_bucket, auth_session);

struct auth_session {
	struct session_store *store;
	LIST_ENTRY(auth_session) entry; /* in its hash bucket */
	unsigned refs; /* references that keep the memory of a session that has ended */
	bool has_ended;
	bool is_api_token;	  /* the tokens belong to a program: see session_new_for_token */
	struct port_share *share; /* the share whose guest this is; NULL: a user of the workspace */
	uint8_t id[SESSION_ID_BYTES];
	char cookie[SESSION_COOKIE_MAX]; /* for the workspace's own host */
	size_t cookie_len;

	struct gitlab_user user;
	char user_id[24];

	int64_t opened_wall_ms;
	uint64_t expires_ms;
	uint64_t used_ms;
	uint64_t stored_used_ms; /* as stored in the file */
	bool cookie_returned;	 /* a request brought its cookie */
	/* See session_note_port_cookie; 0: unused. */
	int64_t port_cookies_ms[SESSION_PORT_COOKIES_MAX];
	size_t next_port_cookie;

	struct session_tokens tokens;
	struct session_authorization authorization;
	bool was_refreshed; /* for the check in progress */
	/* How many sessions in a row the browser replaced before this one without a request. */
	unsigned unused_in_row;
	/* Of the last check that failed. */
	enum err_code failure;
	session_rechecked_fn *rechecked;

	struct loop_timer timer;
	struct session_device *devices; /* NULL: none yet */
	size_t devices_count;
	struct session_assertion *assertions; /* SESSION_ASSERTIONS_MAX elements; NULL: none yet */
	struct auth_watch_list watches;
	struct session_wait_list waits;
};

struct session_table {
	struct session_bucket buckets[SESSION_BUCKETS];
	size_t count;
};

/* The cookie of a port's host that was opened last; session NULL: none. */
struct session_port_cookie {
	struct auth_session *session;
	uint16_t port;
	char text[SESSION_COOKIE_MAX];
	size_t len;
};

struct session_store {
	const struct auth_settings *settings;
	struct loop *loop;
	struct gitlab *gitlab;
	const struct cookie_box *cookies;
	struct session_file *file; /* NULL: memory only */
	struct session_table table;
	struct auth_session *last; /* found last: most requests belong to one session */
	struct session_port_cookie last_port;
	/* Last_port of guests, separate so that they do not replace that of users. */
	struct session_port_cookie last_guest;
};

#endif
