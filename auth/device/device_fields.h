/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The fields of requests about devices, from a query or a form.
 */
#ifndef AUTH_DEVICE_DEVICE_FIELDS_H
#define AUTH_DEVICE_DEVICE_FIELDS_H

#include "auth/auth_private.h"

struct device_request { /* in the verdict's arena; empty where absent */
	bool is_post;
	struct str port; /* port of the device's loopback listener */
	struct str challenge;
	struct str state;
	struct str name;
	struct str code; /* typed by the user, or redeemed by a device */
	struct str verifier;
	struct str token;
	struct str end; /* id of the device to sign out */
};

/* Reads the fields. Returns NULL, or a sentence that says which field is malformed. */
const char *device_fields_read(struct str text, struct device_request *q, struct arena *arena);

#endif
