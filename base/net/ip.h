/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Numeric IP addresses and their text. Both families share one form, so that one comparison works
 * for both; the family of the text is stored beside it.
 */
#ifndef BASE_NET_IP_H
#define BASE_NET_IP_H

#include "base/str.h"

#define IP_BYTES    16u
#define IP_TEXT_MAX 46u /* INET6_ADDRSTRLEN */

struct ip {
	uint8_t bytes[IP_BYTES]; /* IPv4 as ::ffff:a.b.c.d */
	bool is_ipv4;		 /* false also for IPv6 text such as "::ffff:10.0.0.1" */
};

/* Parses a dotted quad, or IPv6 without brackets and zone. */
bool ip_parse(struct ip *ip, struct str text) MUST_CHECK;

/* Reads the 4 or 16 bytes of a packet or socket address. */
void ip_from_bytes(struct ip *ip, const void *bytes, bool is_ipv4);

/* Returns the 4 or 16 bytes of the address's family, as for inet_ntop(3). */
const uint8_t *ip_own_bytes(const struct ip *ip);

/* Formats the address in its own family's notation, NUL-terminated. */
void ip_format(const struct ip *ip, char out[IP_TEXT_MAX]);

/* Whether an IPv6 address maps an IPv4 one (RFC 4291 section 2.5.5.2); true for IPv4. */
bool ip_is_mapped(const struct ip *ip);

/* Whether the address is in 127.0.0.0/8, also mapped into IPv6, or is ::1. */
bool ip_is_loopback(const struct ip *ip);

#endif
