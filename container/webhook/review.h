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

/* A secret that must exist before the request is answered. */
struct review_secret {
	bool is_needed;
	struct workspace_secret_request request;
	char uid[REVIEW_UID_MAX_BYTES + 1]; /* of the request */
};

/* A namespace in which pods without the label get the sidecar. */
struct review_namespace {
	struct str data;     /* its settings: a JSON object; empty: none */
	const struct err *e; /* why they could not be read; ERR_NONE: they are known */
};

struct review_question {
	const struct container_settings *settings;
	enum review_kind kind;
	struct str body;
	const struct review_namespace *namespace; /* NULL: only what is labelled gets the sidecar */
};

/* secret: whether the pod needs a secret that the webhook creates (INJECT_SECRETS). */
enum review_outcome review_answer(const struct review_question *question, struct buf *out,
				  struct review_secret *secret, struct err *e) MUST_CHECK;

/* Writes the answer if the secret could not be created. */
bool review_refuse(const struct review_secret *secret, const struct err *why,
		   struct buf *out) MUST_CHECK;

/* Reads the namespace of a review's object. False: it has none, or the text is no review. */
bool review_namespace(struct str body, struct buf *name);

#endif
