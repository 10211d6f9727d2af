/* SPDX-License-Identifier: Apache-2.0 */
/*
 * AdmissionReview (admission.k8s.io/v1): a request's text in, the answer's text out; no sockets.
 */
#ifndef CONTAINER_WEBHOOK_REVIEW_H
#define CONTAINER_WEBHOOK_REVIEW_H

#include "container/inject/inject.h"

#define REVIEW_MAX_BYTES ((size_t)6 * 1024 * 1024)

enum review_kind {
	REVIEW_MUTATE,	 /* puts the sidecar in */
	REVIEW_VALIDATE, /* a labelled pod must have exactly our sidecar, and stays labelled */
	REVIEW_KINDS,
};

enum review_outcome {
	REVIEW_ALLOWED, /* as it is */
	REVIEW_PATCHED,
	REVIEW_DENIED,
	REVIEW_MALFORMED, /* no AdmissionReview: e says why, out holds nothing of use */
	REVIEW_OUTCOMES,
};

enum review_outcome review_answer(const struct container_settings *settings, enum review_kind kind,
				  struct str body, struct buf *out, struct err *e) MUST_CHECK;

#endif
