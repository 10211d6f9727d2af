/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Requests to the cluster's API server with the pod's service account, one after the other.
 *
 * The account's directory has the files token and ca.crt, which the kubelet replaces: both are read
 * again when they have changed. A request ends within a few seconds, with or without an answer.
 */
#ifndef CONTAINER_WEBHOOK_CLUSTER_API_H
#define CONTAINER_WEBHOOK_CLUSTER_API_H

#include "base/json.h"
#include "base/net/loop.h"

struct cluster_api;

struct cluster_api_options {
	const char *url;	 /* the server's origin */
	const char *account_dir; /* as /var/run/secrets/kubernetes.io/serviceaccount */
	uint64_t timeout_ms;	 /* of a request; 0: a few seconds */
};

enum cluster_patch {
	CLUSTER_NO_PATCH,    /* read the object */
	CLUSTER_MERGE_PATCH, /* RFC 7386 */
	CLUSTER_JSON_PATCH,  /* RFC 6902 */
};

struct cluster_request {
	const char *path; /* of one object */
	enum cluster_patch patch;
	struct str body; /* the patch; copied, wiped after the call */
};

enum cluster_outcome {
	CLUSTER_DONE,	  /* object is as it is now */
	CLUSTER_CONFLICT, /* someone else has changed it: read it again */
	CLUSTER_FAILED,	  /* e says why, in words for an operator */
};

struct cluster_answer {
	enum cluster_outcome outcome;
	const struct json_node *object; /* during the callback */
	const struct err *e;
};

/* Once for each request that is not cancelled, from the loop. It may start the next request. */
typedef void cluster_done_fn(const struct cluster_answer *answer, void *arg);

struct cluster_api *cluster_api_new(struct loop *l, const struct cluster_api_options *options,
				    struct err *e) MUST_CHECK;
void cluster_api_free(struct cluster_api *a); /* cancels what is under way */

/* One at a time. False: nothing was started, done will not run. */
bool cluster_api_start(struct cluster_api *a, const struct cluster_request *request,
		       cluster_done_fn *done, void *arg, struct err *e) MUST_CHECK;

#endif
