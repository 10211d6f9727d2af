/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Parses and formats numeric IP addresses with inet_pton and inet_ntop, for all modules.
 */
#include "base/net/ip.h"

#include <arpa/inet.h>
#include <netinet/in.h>

static const uint8_t mapped_prefix[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

void
ip_from_bytes(struct ip *ip, const void *bytes, bool is_ipv4)
{
	ip->is_ipv4 = is_ipv4;
	if (!is_ipv4) {
		memcpy(ip->bytes, bytes, IP_BYTES);
		return;
	}
	memcpy(ip->bytes, mapped_prefix, sizeof(mapped_prefix));
	memcpy(ip->bytes + sizeof(mapped_prefix), bytes, 4);
}

bool
ip_parse(struct ip *ip, struct str text)
{
	char copy[IP_TEXT_MAX];
	uint8_t bytes[IP_BYTES];

	if (text.len == 0 || text.len >= sizeof(copy) || str_find_byte(text, '\0') != SIZE_MAX)
		return false;
	memcpy(copy, text.data, text.len);
	copy[text.len] = '\0';
	bool is_ipv4 = inet_pton(AF_INET, copy, bytes) == 1;
	if (!is_ipv4 && inet_pton(AF_INET6, copy, bytes) != 1)
		return false;
	ip_from_bytes(ip, bytes, is_ipv4);
	return true;
}

const uint8_t *
ip_own_bytes(const struct ip *ip)
{
	return ip->is_ipv4 ? ip->bytes + sizeof(mapped_prefix) : ip->bytes;
}

void
ip_format(const struct ip *ip, char out[IP_TEXT_MAX])
{
	out[0] = '\0';
	(void)inet_ntop(ip->is_ipv4 ? AF_INET : AF_INET6, ip_own_bytes(ip), out, IP_TEXT_MAX);
}

bool
ip_is_mapped(const struct ip *ip)
{
	return memcmp(ip->bytes, mapped_prefix, sizeof(mapped_prefix)) == 0;
}

bool
ip_is_loopback(const struct ip *ip)
{
	static const uint8_t ipv6_loopback[IP_BYTES] = {[15] = 1};

	if (ip_is_mapped(ip))
		return ip->bytes[sizeof(mapped_prefix)] == 127;
	return memcmp(ip->bytes, ipv6_loopback, IP_BYTES) == 0;
}
