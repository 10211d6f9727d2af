/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The certificates that the webhook's replicas share in a Secret, and the next step of their
 * rotation.
 *
 * tls.crt and tls.key are served by all replicas. next.crt and next.key exist during a rotation:
 * they are served once clients trust their authority. ca.crt has the authorities for clients, the
 * newest first; one is removed when it has expired.
 */
#ifndef CONTAINER_WEBHOOK_CERTIFICATE_SET_H
#define CONTAINER_WEBHOOK_CERTIFICATE_SET_H

#include "base/json.h"
#include "container/webhook/service_certificate.h"

struct certificate_pair {
	struct buf certificate;
	struct secret *key; /* NULL: none */
};

#define RESOURCE_VERSION_BYTES 64
struct certificate_set {
	char version[RESOURCE_VERSION_BYTES]; /* the Secret's resourceVersion */
	struct buf authorities;
	struct certificate_pair current;
	struct certificate_pair next;
	bool is_renewal_asked; /* whether the annotation is set, with any value */
};

#define CERTIFICATE_RENEW "workspace-proxy.io/renew"

/* Treats missing and malformed values as empty. Call certificate_set_fini after either result. */
bool certificate_set_read(struct certificate_set *s, const struct json_node *secret,
			  struct err *e) MUST_CHECK;
void certificate_set_fini(struct certificate_set *s);

struct certificate_terms {
	const char *host; /* the name that certificates must have */
	int64_t now_s;
	uint64_t lifetime_s;
	/* Clients have trusted all authorities for the required time. */
	bool is_trusted;
};

enum certificate_step {
	CERTIFICATE_KEEP,
	CERTIFICATE_CREATE, /* none can be used: create one, to be served at once */
	/* The current one expires soon, or renewal is requested: create the next one. */
	CERTIFICATE_PREPARE,
	CERTIFICATE_PROMOTE, /* serve the next one */
	CERTIFICATE_TRIM,    /* remove authorities that have expired */
};
enum certificate_step certificate_set_plan(const struct certificate_set *s,
					   const struct certificate_terms *terms);

/* Whether the current certificate can be served. */
bool certificate_set_is_usable(const struct certificate_set *s,
			       const struct certificate_terms *terms);

/* Writes the merge patch of the Secret for a step; fresh is empty except for CREATE and PREPARE.
 * The patch fails with a conflict if the Secret has changed. Wipe it. */
bool certificate_set_patch(const struct certificate_set *s, enum certificate_step step,
			   const struct service_certificate *fresh, int64_t now_s, struct buf *out,
			   struct err *e) MUST_CHECK;

#endif
