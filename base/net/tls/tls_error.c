/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads OpenSSL's error queue.
 */
#include "base/net/tls/tls_error.h"

#include <openssl/err.h>
#include <string.h>

bool
tls_error_set(struct err *e, enum err_code code, const char *what)
{
	unsigned long error = ERR_peek_last_error();
	const char *reason = ERR_reason_error_string(error);

	if (ERR_SYSTEM_ERROR(error))
		reason = strerror(ERR_GET_REASON(error));
	err_set(e, code, "%s: %s", what, reason == NULL ? "unknown error" : reason);
	ERR_clear_error();
	return false;
}
