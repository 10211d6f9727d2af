/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Requests to the cluster's API server with the pod's service account.
 *
 * The account's directory has the files token and ca.crt, which the kubelet replaces: both are
 * read again when they have changed. A request ends within a few seconds, with or without a
 * response, including the time that it waits for a connection.
 */
#ifndef CONTAINER_WEBHOOK_CLUSTER_API_H
#define CONTAINER_WEBHOOK_CLUSTER_API_H

#include "base/json.h"
#include "base/net/loop.h"
#include "container/container_settings.h"

struct cluster_api;
struct cluster_call; /* a request under way */

enum cluster_method {
	CLUSTER_READ,
	CLUSTER_MERGE_PATCH, /* RFC 7386 */
	CLUSTER_JSON_PATCH,  /* RFC 6902 */
	CLUSTER_CREATE,
};

struct cluster_request {
	const char *path; /* of one object, or of the collection that it is created in */
	enum cluster_method method;
	struct str body;     /* the patch or the new object; copied, and wiped after the call */
	uint64_t timeout_ms; /* 0: a few seconds */
};

enum cluster_outcome {
	CLUSTER_DONE,	  /* the object in its current state */
	CLUSTER_CONFLICT, /* another client has changed it: read it again, or repeat the request */
	CLUSTER_EXISTS,	  /* not created, because there is one of that name */
	CLUSTER_FAILED,	  /* e says why, for operators */
};

struct cluster_answer {
	enum cluster_outcome outcome;
	const struct json_node *object; /* during the callback */
	const struct err *e;
};

/* Called from the loop once for each request that is not cancelled. It may start the next
 * request. */
typedef void cluster_done_fn(const struct cluster_answer *answer, void *arg);

/* At most connections_max requests run at the same time; further ones wait. */
struct cluster_api *cluster_api_new(struct loop *l, const struct container_settings *settings,
				    unsigned connections_max, struct err *e) MUST_CHECK;
void cluster_api_free(struct cluster_api *a); /* cancels requests in progress */

/* NULL: not started, done does not run. */
struct cluster_call *cluster_api_start(struct cluster_api *a, const struct cluster_request *request,
				       cluster_done_fn *done, void *arg, struct err *e) MUST_CHECK;
void cluster_call_cancel(struct cluster_call *call); /* done does not run */

#endif
