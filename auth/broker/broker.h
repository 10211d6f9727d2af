/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The public interface of the relay's token broker: sealed requests of sidecars in, sealed answers
 * out.
 *
 * The relay has the client secret and asks GitLab for the sidecars, which have none: it redeems
 * codes, renews tokens and revokes them. A sidecar gets access tokens, and refresh tokens that are
 * wrapped: only the relay can use them, for that workspace and user, until renew_max_ms after the
 * login. Nothing is stored, so any replica can answer. The sidecar still does all checks of users.
 *
 * Work and memory are bounded: the size of requests, the number of concurrent requests, in total
 * and per workspace, and requests per workspace and minute. Only requests that are sealed with the
 * workspace's key cause a request to GitLab.
 */
#ifndef AUTH_BROKER_BROKER_H
#define AUTH_BROKER_BROKER_H

#include "auth/relay/relay.h"

#define BROKER_BODY_MAX		  8192u /* of a request */
#define BROKER_CALLS_MAX	  64u	/* at the same time, of all workspaces */
#define BROKER_CALLS_PER_HOST_MAX 4u

struct broker;
struct broker_call;

/* relay and gitlab (address and application) must outlive the broker. */
struct broker_options {
	const struct relay_settings *relay;
	const struct auth_settings *gitlab;
	const char *redirect_uri;
	struct fetch *fetch;
};

/* Creates the broker and reads the deny list. */
struct broker *broker_new(const struct broker_options *options, struct err *e) MUST_CHECK;
/* Call it after every call is done or cancelled; does nothing for NULL. */
void broker_free(struct broker *b);

/* Replaces the master keys; the caller puts them into settings. On failure nothing has changed. */
bool broker_replace_keys(struct broker *b, const struct auth_keys *keys, struct err *e) MUST_CHECK;

/* Reads the deny list again. On failure the old one remains in use. */
bool broker_reload_deny_list(struct broker *b, struct err *e) MUST_CHECK;

struct broker_reply {
	unsigned status;
	struct buf body; /* with status 200 */
};
typedef void broker_done_fn(const struct broker_reply *reply, void *arg);

/* Processes one request. NULL: *reply is filled, the caller frees its body, and done does not run.
 * Otherwise done runs later, exactly once unless cancelled. log must outlive the call. */
struct broker_call *broker_start(struct broker *b, struct str body, const struct log_context *log,
				 struct broker_reply *reply, broker_done_fn *done, void *arg);

/* The sidecar has disconnected: revokes tokens that GitLab still issues. */
void broker_cancel(struct broker_call *call);

extern const struct metrics_table broker_metrics_table;
void broker_metrics_write(const struct broker *b, struct buf *out);

#endif
