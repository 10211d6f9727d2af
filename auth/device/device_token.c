/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Seals and opens the tokens of devices.
 */
#include "auth/device/device_token.h"

static const struct cookie_use use = {"device token", {"ssh", 3}};

bool
device_token_seal(const struct auth *a, const struct auth_device_id *id, struct buf *out,
		  struct err *e)
{
	return (buf_add_str(out, STR(DEVICE_TOKEN_START)) ||
		err_set(e, ERR_MEMORY, "device token")) &&
	       cookie_seal(&a->cookies, &use, STR_BYTES(id->bytes), out, e);
}

bool
device_token_open(const struct auth *a, struct str token, struct auth_device_id *id)
{
	struct buf plain;
	bool ok;

	if (!str_starts_with(token, STR(DEVICE_TOKEN_START)) || token.len > DEVICE_TOKEN_MAX)
		return false;
	buf_init(&plain, sizeof(id->bytes));
	ok = cookie_open(&a->cookies, &use, str_skip(token, strlen(DEVICE_TOKEN_START)), &plain) &&
	     plain.len == sizeof(id->bytes);
	if (ok)
		memcpy(id->bytes, plain.data, sizeof(id->bytes));
	buf_wipe_fini(&plain);
	return ok;
}
