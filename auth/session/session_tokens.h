/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The token pair of one session: its lifetime, its refresh, and its leases.
 *
 * When GitLab answers a
 * refresh it revokes the old pair, which breaks a git command that is using the access token. So a
 * leased token is not refreshed while it is valid. Outcomes are reported to the caller; nothing
 * here ends a session.
 */
#ifndef AUTH_SESSION_SESSION_TOKENS_H
#define AUTH_SESSION_SESSION_TOKENS_H

#include "auth/gitlab/gitlab.h"

enum session_tokens_state {
	SESSION_TOKENS_READY,
	SESSION_TOKENS_REFRESHING,
	SESSION_TOKENS_UNSAVED, /* refreshed; not stored yet, and no write has begun */
	SESSION_TOKENS_SAVING,	/* a write is in progress */
};

enum session_refresh_outcome {
	SESSION_REFRESH_OK,	 /* a new pair */
	SESSION_REFRESH_REFUSED, /* GitLab or the relay rejects the refresh token */
	SESSION_REFRESH_LOST,	 /* GitLab may have answered, so the refresh token may be used up */
	SESSION_REFRESH_UNAVAILABLE, /* try again later */
};

struct session_refresh_result {
	enum session_refresh_outcome outcome;
	struct err err; /* the reason, unless OK */
	uint32_t retry_after_s;
};
typedef void session_refreshed_fn(const struct session_refresh_result *result, void *arg);

/* All times are of the monotonic clock. */
struct session_tokens {
	struct gitlab *gitlab;
	unsigned modes;		   /* enum auth_mode: what the tokens are for */
	struct gitlab_tokens pair; /* freed by the session, after session_tokens_cancel */
	uint64_t serial;	   /* the number of pairs so far */
	uint64_t received_ms;
	uint64_t expires_ms; /* 0: not given */
	enum session_tokens_state state;
	struct gitlab_call *refresh;
	session_refreshed_fn *refreshed;
	void *arg;
	bool refresh_lost;

	unsigned holders;	  /* leases that are ended explicitly */
	uint64_t leased_until_ms; /* end of timed leases: git does not report when it is done */
	bool is_rejected;	  /* GitLab rejected git's request with the access token */
	uint64_t refresh_after_ms;
	uint64_t refresh_rejected_after_ms;
};

void session_tokens_init(struct session_tokens *t, struct gitlab *gitlab, unsigned modes);

/* Takes the pair. Ends timed leases of the previous one. */
void session_tokens_set(struct session_tokens *t, struct gitlab_tokens *pair);

/* Starts a refresh; refreshed runs later, once, unless cancelled. False: out of memory. */
bool session_tokens_refresh(struct session_tokens *t, session_refreshed_fn *refreshed,
			    void *arg) MUST_CHECK;
/* Cancels a refresh in progress, whose tokens are then revoked, and the wait for the disk. */
void session_tokens_cancel(struct session_tokens *t);

/* Sets the state of storing: UNSAVED, SAVING, and back to READY. */
void session_tokens_set_state(struct session_tokens *t, enum session_tokens_state state);

uint64_t session_tokens_left_ms(const struct session_tokens *t); /* UINT64_MAX: unknown */
bool session_tokens_are_valid(const struct session_tokens *t);
bool session_tokens_can_refresh(const struct session_tokens *t);
/* Whether the access token is about to expire and not leased. */
bool session_tokens_need_refresh(const struct session_tokens *t);

/* Whether the token lasts long enough for a request of git that began at asked_ms. A token received
 * after that does, however short its lifetime is. */
bool session_tokens_suffice(const struct session_tokens *t, uint64_t asked_ms);
/* Whether git may trigger a refresh now: not while the token is leased, nor again within the
 * delay. */
bool session_tokens_may_refresh_for_git(const struct session_tokens *t);
void session_tokens_note_refresh_for_git(struct session_tokens *t);
/* Git may not trigger a refresh before until_ms (monotonic clock). */
void session_tokens_delay_refresh(struct session_tokens *t, uint64_t until_ms);
void session_tokens_lease(struct session_tokens *t);

#endif
