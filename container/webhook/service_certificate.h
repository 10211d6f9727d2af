/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An authority and a certificate of the webhook's service that it has signed. The authority's key
 * is discarded, so that it can't sign anything else.
 */
#ifndef CONTAINER_WEBHOOK_SERVICE_CERTIFICATE_H
#define CONTAINER_WEBHOOK_SERVICE_CERTIFICATE_H

#include "base/secret.h"
#include "base/str.h"

#define SERVICE_NAME_MAX_BYTES 127u

/* Whether the text is SERVICE.NAMESPACE. */
bool service_certificate_is_name(struct str service);

/* Formats the host name that the API server connects to. */
#define SERVICE_HOST_BYTES 256
void service_certificate_host(const char *service, char host[SERVICE_HOST_BYTES]);

/* PEM texts; NULL: none. */
struct service_certificate {
	char *authority;
	char *certificate;
	struct secret *key;
};

/* Creates a certificate for the names of the service, which is valid; it is valid for
 * lifetime_s. */
bool service_certificate_make(struct service_certificate *s, const char *service,
			      uint64_t lifetime_s, struct err *e) MUST_CHECK;
void service_certificate_fini(struct service_certificate *s);

#endif
