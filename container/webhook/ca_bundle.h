/* SPDX-License-Identifier: Apache-2.0 */
/*
 * caBundle in a MutatingWebhookConfiguration or ValidatingWebhookConfiguration: the authorities
 * with which the API server verifies the webhook's certificate.
 */
#ifndef CONTAINER_WEBHOOK_CA_BUNDLE_H
#define CONTAINER_WEBHOOK_CA_BUNDLE_H

#include "base/json.h"

enum ca_bundle_state {
	CA_BUNDLE_SAME,
	CA_BUNDLE_DIFFERS, /* out is the JSON Patch */
	CA_BUNDLE_FAILED,
};

/*
 * Compares the caBundle of all webhooks whose service is SERVICE.NAMESPACE with the authorities
 * (PEM). The patch fails with a conflict if the configuration has changed. Fails if the
 * configuration has no such webhook.
 */
enum ca_bundle_state ca_bundle_compare(const struct json_node *configuration, struct str service,
				       struct str authorities, struct buf *out, struct err *e);

#endif
