/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sets of IP networks as settings write them: "10.0.0.0/8,192.168.1.7,fd00::/8". Numeric only.
 */
#ifndef BASE_NET_CIDR_H
#define BASE_NET_CIDR_H

#include "base/net/address.h"
#include "base/str.h"

#define CIDR_NETWORKS_MAX 32

/*
 * Addresses that names of untrusted origin must not resolve to: the machine itself, its link, and
 * addresses that are not unicast (RFC 6890); the metadata and platform services of AWS, Google,
 * Alibaba and Azure.
 */
#define CIDR_LOCAL                                                                                 \
	"0.0.0.0/8,127.0.0.0/8,169.254.0.0/16,224.0.0.0/4,240.0.0.0/4,100.100.100.200,"            \
	"168.63.129.16,::/96,fe80::/10,fec0::/10,ff00::/8,fd00:ec2::/32,fd20:ce::254"

struct cidr_network {
	uint8_t bytes[16]; /* IPv4 as ::ffff:a.b.c.d */
	unsigned prefix;   /* significant bits of bytes, 0..128 */
};

struct cidr_set {
	struct cidr_network networks[CIDR_NETWORKS_MAX];
	size_t count;
};

/* Parses addresses and networks, separated by commas or spaces. ERR_CONFIG says what is wrong: no
 * address, prefix out of range, bits set after the prefix, too many. */
bool cidr_parse(struct cidr_set *set, struct str text, struct err *e) MUST_CHECK;

/* Whether the address is in one of the networks. IPv4-mapped IPv6 counts as IPv4; unix sockets are
 * in none. */
bool cidr_contains(const struct cidr_set *set, const struct address *a);

/* As cidr_contains, for a numeric IP as text ("10.1.2.3", "::1"). False if it is none. */
bool cidr_contains_text(const struct cidr_set *set, struct str text);

/* Appends the networks in the form that cidr_parse reads: "10.0.0.0/8,::1". */
void cidr_format(const struct cidr_set *set, struct buf *out);

#endif
