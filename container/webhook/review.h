/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Answers AdmissionReviews (admission.k8s.io/v1): request text in, response text out, no sockets.
 */
#ifndef CONTAINER_WEBHOOK_REVIEW_H
#define CONTAINER_WEBHOOK_REVIEW_H

#include "container/inject/inject.h"
#include "container/webhook/workspace_secret.h"

#define REVIEW_MAX_BYTES ((size_t)6 * 1024 * 1024)

enum review_kind {
	REVIEW_MUTATE,	 /* adds the sidecar */
	REVIEW_VALIDATE, /* a labelled pod must have the expected sidecar and keep its label */
	REVIEW_KINDS,
};

enum review_outcome {
	REVIEW_ALLOWED, /* unchanged */
	REVIEW_PATCHED,
	REVIEW_DENIED,
	REVIEW_MALFORMED, /* not an AdmissionReview: e is set, out is undefined */
	REVIEW_OUTCOMES,
};

#define REVIEW_UID_MAX_BYTES 256u

/* A secret that must exist before the answer is given. */
struct review_secret {
	bool is_needed;
	struct workspace_secret_order order;
	char uid[REVIEW_UID_MAX_BYTES + 1]; /* of the request */
};

/* A namespace in which all pods get the sidecar that don't say otherwise. */
struct review_space {
	struct str data;     /* its settings: a JSON object, or empty */
	const struct err *e; /* why they are not known; its code is ERR_NONE if they are */
};

struct review_question {
	const struct container_settings *settings;
	enum review_kind kind;
	struct str body;
	const struct review_space *space; /* NULL: only what is labelled gets the sidecar */
};

/* secret says whether the pod needs one that the webhook makes (INJECT_SECRETS). */
enum review_outcome review_answer(const struct review_question *question, struct buf *out,
				  struct review_secret *secret, struct err *e) MUST_CHECK;

/* The answer, if the secret could not be made. */
bool review_refuse(const struct review_secret *secret, const struct err *why,
		   struct buf *out) MUST_CHECK;

/* The namespace of a review's object. False: it has none, or is no review. */
bool review_namespace(struct str body, struct buf *name);

#endif
