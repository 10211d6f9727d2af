/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Creates the secret of a workspace in a new namespace, as GitLab's agent creates them: a cookie
 * key and the key for the relay, which is derived from the relay's master key.
 *
 * The service account may only create secrets, so an existing one is neither read nor changed.
 */
#ifndef CONTAINER_WEBHOOK_WORKSPACE_SECRET_H
#define CONTAINER_WEBHOOK_WORKSPACE_SECRET_H

#include "base/net/loop.h"
#include "container/container_settings.h"

struct workspace_secrets; /* creates secrets */
struct workspace_secret;  /* a secret that is being created */

#define WORKSPACE_SECRET_TEXT_BYTES 254

/* The names are checked. */
struct workspace_secret_request {
	char namespace[WORKSPACE_SECRET_TEXT_BYTES];
	char name[WORKSPACE_SECRET_TEXT_BYTES];
	char host[WORKSPACE_SECRET_TEXT_BYTES]; /* of the workspace */
	uint64_t deadline_ms;			/* of the monotonic clock */
};

enum workspace_secret_outcome {
	WORKSPACE_SECRET_CREATED,
	WORKSPACE_SECRET_EXISTING,
	WORKSPACE_SECRET_FAILED, /* e says why */
	WORKSPACE_SECRET_OUTCOMES,
};

/* Called from the loop once for each request that is not cancelled. */
typedef void workspace_secret_fn(enum workspace_secret_outcome outcome, const struct err *e,
				 void *arg);

struct workspace_secrets *workspace_secrets_new(struct loop *l,
						const struct container_settings *settings,
						struct err *e) MUST_CHECK;
void workspace_secrets_free(struct workspace_secrets *s); /* no done function runs any more */

/* NULL: not started, done does not run. */
struct workspace_secret *workspace_secret_start(struct workspace_secrets *s,
						const struct workspace_secret_request *order,
						workspace_secret_fn *done, void *arg,
						struct err *e) MUST_CHECK;
void workspace_secret_cancel(struct workspace_secret *w);

#endif
