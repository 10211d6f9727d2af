/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tokens of devices: "wsd1." and the device's id, sealed under the cookie keys for this
 * workspace's origin. A token is valid as long as its device's session: see session_devices.h.
 */
#ifndef AUTH_DEVICE_DEVICE_TOKEN_H
#define AUTH_DEVICE_DEVICE_TOKEN_H

#include "auth/auth_private.h"

#define DEVICE_TOKEN_MAX   256u
#define DEVICE_TOKEN_START "wsd1."

bool device_token_seal(const struct auth *a, const struct auth_device_id *id, struct buf *out,
		       struct err *e) MUST_CHECK;

/* Opens the token's text. False: not sealed by us. */
bool device_token_open(const struct auth *a, struct str token,
		       struct auth_device_id *id) MUST_CHECK;

#endif
