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

/* A whole header fits: version 1 has at most 107 bytes, of version 2 we take this much with its
 * extensions. */
#define PROXY_PROTOCOL_MAX 536

enum proxy_protocol_found {
	PROXY_PROTOCOL_MORE,
	PROXY_PROTOCOL_WHOLE,
	PROXY_PROTOCOL_BAD, /* e says why */
};

/*
 * Reads a header at the start of data. When whole, *used is its length and *client is the address
 * of the client; it is not set (address_is_set) where the sender speaks for itself (LOCAL, UNKNOWN)
 * or of a unix socket. Extensions (TLVs) of version 2 are checked, a CRC-32C included, and skipped.
 */
enum proxy_protocol_found proxy_protocol_parse(struct str data, size_t *used,
					       struct address *client, struct err *e);

#endif
