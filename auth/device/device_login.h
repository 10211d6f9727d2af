/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Authorizing a device. In the browser: the page that asks its user, who may have to sign in first.
 * For the device: starting with a code that it shows, redeeming a code for a token, and ending its
 * token. Fills verdicts as auth_answer does.
 * With a browser on the device, its program listens on loopback (RFC 8252 section 7.3):
 *
 *	GET  <prefix>/device?port=…&challenge=…&state=…&name=…	the page
 *	POST <prefix>/device	 the same fields: 303 to http://127.0.0.1:<port>/?code=…&state=…
 *	POST <prefix>/device/token	code=…&verifier=…: JSON with the token
 * Without one, it shows a code (as in RFC 8628), which its user types into the page:
 *
 *	POST <prefix>/device/start	challenge=…&name=…: JSON with device_code and user_code
 *	GET  <prefix>/device, then POST with code=…
 *	POST <prefix>/device/token	code=<device_code>&verifier=…, until it is authorized
 */
#ifndef AUTH_DEVICE_DEVICE_LOGIN_H
#define AUTH_DEVICE_DEVICE_LOGIN_H

#include "auth/auth_private.h"

struct auth_call *device_login_page(struct auth *a, const struct auth_facts *facts,
				    struct auth_verdict *v, auth_done_fn *done, void *arg);
void device_login_start(struct auth *a, const struct auth_facts *facts, struct auth_verdict *v);
void device_login_token(struct auth *a, const struct auth_facts *facts, struct auth_verdict *v);
void device_login_end(struct auth *a, const struct auth_facts *facts, struct auth_verdict *v);

#endif
