/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads the PROXY header at the start of a connection from a trusted peer (TRUSTED_PROXY_IPS), then
 * serves the connection with the client's address.
 */
#ifndef PROXY_DOWNSTREAM_PROXY_HEADER_H
#define PROXY_DOWNSTREAM_PROXY_HEADER_H

#include "proxy/proxy.h"

/* Takes ownership of fd. Calls downstream_accept after the header; closes without a valid one. */
void proxy_header_start(struct proxy *p, int fd, const struct address *peer,
			struct tls_context *tls);

/* Starts draining: shortens the timeout to DOWNSTREAM_LAST_REQUEST_MS. */
void proxy_header_drain_all(struct proxy *p);

/* Closes all connections that wait for a header. */
void proxy_header_close_all(struct proxy *p);

#endif
