/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The inside of a session, for session.c (its life), session_watch.c, session_recheck.c
 * (authorization and refresh) and session_store.c (finding).
 */
#ifndef AUTH_SESSION_SESSION_PRIVATE_H
#define AUTH_SESSION_SESSION_PRIVATE_H

#include "auth/gitlab/policy.h"
#include "auth/login/flow.h"
#include "auth/session/session_recheck.h"

#define SESSION_BUCKETS	      256u
#define SESSION_COOKIE_MAX    160u
#define SESSION_HANDOVERS_MAX 3u /* whose cookies may get lost before we explain */

struct session_file;
struct session_record;

/* Renewed tokens are on the disk before they are used. */
enum session_saving { SESSION_NOT_WAITING, SESSION_IN_WRITING, SESSION_WAITS };

struct auth_session {
	struct session_store *store;
	struct auth_session *next_in_bucket;
	unsigned kept;	/* verdicts that show its identity */
	bool has_ended; /* only kept from now on */
	uint8_t id[SESSION_ID_BYTES];
	char cookie[SESSION_COOKIE_MAX];
	size_t cookie_len;

	struct gitlab_user user;
	char user_id[24];
	struct gitlab_tokens tokens;
	uint64_t token_expires_ms; /* monotonic; 0: not said */
	uint64_t tokens_came_ms;
	uint64_t leased_until_ms; /* git works with the token: see session_lend.c */
	uint64_t renew_ms;	  /* no renewal for git before this; of a rejected token: */
	uint64_t renew_rejected_ms;
	bool is_rejected; /* git was refused with the token */

	int64_t opened_wall_ms;
	uint64_t expires_ms;
	uint64_t used_ms;
	bool has_been_used;			     /* its cookie came back */
	int64_t handovers_ms[SESSION_HANDOVERS_MAX]; /* see session_note_handover; 0: none */
	size_t next_handover;

	int64_t answered_wall_ms;   /* GitLab's last yes */
	uint64_t answer_expires_ms; /* until when it may stand */
	uint64_t ask_ms;	    /* no question before this */
	bool must_be_asked;	    /* GitLab's next answer is waited for */
	bool is_borrowed;	    /* its token is the bearer's: see session_new_borrowed */
	bool is_asking;
	bool was_retried;  /* the token was refreshed for the question under way */
	bool refresh_lost; /* the refresh token is gone: never try it again */
	struct gitlab_call *refresh;
	struct policy_check check;
	enum session_saving saving;
	uint64_t stored_used_ms; /* as the file has it */

	struct loop_timer timer;
	struct auth_watch *watches;
	struct session_wait *waits;
};

/* A cookie of a port's host that was opened last, and what it named; session NULL: none. */
struct session_opened {
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
	struct auth_session *buckets[SESSION_BUCKETS];
	struct auth_session *last;    /* found last: most requests are of one session */
	struct session_opened opened; /* of a port's host */
	size_t count;
	bool holds_tokens;
};

/* session_store.c */
void session_store_add(struct auth_session *s); /* the least recently used gives way */
void session_store_remove(struct auth_session *s);

/* session.c */
bool session_has_expired(const struct auth_session *s);
uint64_t session_used_ms(const struct auth_session *s); /* now, while it is watched */

/* A session of an earlier process; one that has ended meanwhile is not added. Takes the tokens,
 * unless it fails. */
bool session_restore(struct session_store *st, struct session_record *r, struct err *e) MUST_CHECK;
void session_replace_tokens(struct auth_session *s, struct gitlab_tokens *tokens);
void session_arm_timer(struct auth_session *s);
void session_free_silently(struct auth_session *s); /* tells and revokes nothing */

/* session_watch.c */
void session_tell_watches(struct auth_session *s, enum auth_end reason);
void session_tell_waits(struct auth_session *s);
void session_end_waits(struct auth_session *s, enum session_news news);
void session_drop_watches(struct auth_session *s); /* and waits: nobody is told */

/* session_cookie.c; facts name the host, NULL: the workspace's own */
bool session_keep_cookie(struct auth_session *s, struct err *e) MUST_CHECK; /* for it */
/* Forgets the text that was kept where none of the keys opens it any more. */
void session_review_cookie(struct auth_session *s);
bool session_open_cookie(const struct session_store *st, const struct auth_facts *facts,
			 struct str text, uint8_t id[SESSION_ID_BYTES]) MUST_CHECK;
/* A cookie of its came back. */
void session_note_return(struct auth_session *s, const struct auth_facts *facts);

/* session_recheck.c */
void session_note_answer(struct auth_session *s); /* GitLab has said yes just now */
void
session_recheck(struct auth_session *s); /* if due and none is under way; never ends s at once */
void session_recheck_cancel(struct auth_session *s);
void session_recheck_resume(struct auth_session *s); /* see session_file_await; may end s */
uint64_t session_answer_age_max_ms(const struct auth_settings *settings);

/* Renews the tokens, then asks; where a question is under way, it is waited for. False: neither. */
bool session_renew(struct auth_session *s) MUST_CHECK;

/* session_lend.c */
bool session_is_leased(const struct auth_session *s); /* its token must not be replaced yet */

#endif
