/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Protocols that a connection may be switched to (RFC 9110 section 7.8), besides WebSocket, which
 * has separate rules: http1.c, http2_request.c and response_check.h.
 */
#ifndef PROXY_HTTP_UPGRADE_H
#define PROXY_HTTP_UPGRADE_H

#include "proxy/http/headers.h"

#define UPGRADE_WEBSOCKET     STR("websocket")
#define UPGRADE_PROTOCOLS_MAX 8u
#define UPGRADE_NAME_MAX      32u

/* Returns the protocol that a head requests or has switched to, with Connection: Upgrade; empty for
 * none and for several. */
struct str upgrade_find(const struct headers *h);

/* Checks UPGRADE_PROTOCOLS, a list separated by commas. Refuses h2c and other protocols with which
 * a client could send requests past the proxy's checks. */
bool upgrade_check_list(struct str list, struct err *e) MUST_CHECK;

/* Finds the protocol in the list, in any case. Returns it as the list spells it; empty if it is not
 * listed. */
struct str upgrade_find_listed(struct str list, struct str protocol);

#endif
