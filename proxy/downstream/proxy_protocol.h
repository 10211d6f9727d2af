/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The PROXY protocol, versions 1 and 2 (haproxy.org, proxy-protocol.txt): the client's address as a
 * load balancer reports it before the client's own bytes. Pure parsing; the caller decides which
 * peers to trust.
 */
#ifndef PROXY_DOWNSTREAM_PROXY_PROTOCOL_H
#define PROXY_DOWNSTREAM_PROXY_PROTOCOL_H

#include "base/net/address.h"
#include "base/str.h"

/* Limit of a header in bytes. Version 1 has at most 107; this bounds version 2 with extensions. */
#define PROXY_PROTOCOL_MAX 536

enum proxy_protocol_found {
	PROXY_PROTOCOL_MORE,
	PROXY_PROTOCOL_COMPLETE,
	PROXY_PROTOCOL_BAD, /* e says why */
};

/*
 * Parses a header at the start of data. If it is complete, *used is its length and *client the
 * client's address; *client is not set (address_is_set) for LOCAL and UNKNOWN headers, which the
 * sender sends for itself, and for unix sockets. Checks extensions (TLVs) of version 2, including a
 * CRC-32C, and otherwise ignores them.
 */
enum proxy_protocol_found proxy_protocol_parse(struct str data, size_t *used,
					       struct address *client, struct err *e);

#endif
