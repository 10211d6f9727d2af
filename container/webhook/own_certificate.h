/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The webhook's own certificate: created, renewed and passed to the API server automatically.
 *
 * All replicas look at the same Secret and configurations every few seconds, and each of them may
 * do the next step (certificate_set.h); the API server accepts only one of concurrent updates. A
 * new authority is in the caBundle of both configurations for a while before a certificate that it
 * has signed is served, and the previous one stays there until it expires: so no review fails.
 */
#ifndef CONTAINER_WEBHOOK_OWN_CERTIFICATE_H
#define CONTAINER_WEBHOOK_OWN_CERTIFICATE_H

#include "base/net/loop.h"
#include "base/net/tls/tls.h"
#include "container/container_settings.h"

struct own_certificate;

enum own_certificate_outcome {
	OWN_CERTIFICATE_DONE,
	OWN_CERTIFICATE_CONFLICT, /* another replica was faster; try again at once */
	OWN_CERTIFICATE_FAILED,	  /* try again later */
	OWN_CERTIFICATE_OUTCOMES,
};

struct own_certificate_options {
	const struct container_settings *settings;
	struct tls_context *tls; /* gets the current certificate */
	/* The context has a new certificate; also called for the first. */
	void (*on_served)(void *arg);
	void *arg;
	uint64_t *rounds; /* counters by outcome */
};

/* Creates a placeholder certificate of the service, to listen before the first round. */
struct tls_context *own_certificate_placeholder(const struct container_settings *settings,
						struct err *e) MUST_CHECK;

struct own_certificate *own_certificate_new(struct loop *l,
					    const struct own_certificate_options *options,
					    struct err *e) MUST_CHECK;
void own_certificate_free(struct own_certificate *o);

/* Whether the context has a certificate from the Secret. */
bool own_certificate_is_served(const struct own_certificate *o);

#endif
