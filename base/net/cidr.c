/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sets of networks. All are stored as IPv6 (struct ip), so that one comparison works for both
 * families.
 */
#include "base/net/cidr.h"

#define IPV4_PREFIX 96u /* prefix length of ::ffff:0:0/96 */

static bool
matches(const uint8_t a[16], const uint8_t b[16], unsigned prefix)
{
	size_t whole = prefix / 8;
	unsigned rest = prefix % 8;
	uint8_t mask = (uint8_t)(0xff00u >> rest);

	return memcmp(a, b, whole) == 0 && (rest == 0 || ((a[whole] ^ b[whole]) & mask) == 0);
}

static bool
parse_network(struct cidr_network *n, struct str text, struct err *e)
{
	static const uint8_t zero[16];
	size_t slash = str_find_byte(text, '/');
	uint8_t behind[IP_BYTES];
	struct ip ip;
	uint64_t prefix;

	if (!ip_parse(&ip, str_take(text, slash)))
		return err_set(e, ERR_CONFIG, "\"%.*s\" is not an IP address or network",
			       STR_FMT(text));
	uint64_t max = ip.is_ipv4 ? 32 : 128;
	prefix = max;
	if (slash != SIZE_MAX && !str_to_u64(str_skip(text, slash + 1), 0, max, &prefix))
		return err_set(e, ERR_CONFIG, "\"%.*s\" has no prefix length of 0 to %u bits",
			       STR_FMT(text), (unsigned)max);
	n->prefix = (unsigned)prefix + (ip.is_ipv4 ? IPV4_PREFIX : 0);
	memcpy(n->bytes, ip.bytes, sizeof(n->bytes));

	/* Refuse 10.1.2.3/8: it is more likely a mistake than a network. */
	memcpy(behind, n->bytes, sizeof(behind));
	for (unsigned bit = 0; bit < n->prefix; bit++)
		behind[bit / 8] &= (uint8_t) ~(0x80u >> bit % 8);
	if (memcmp(behind, zero, sizeof(zero)) != 0)
		return err_set(e, ERR_CONFIG, "\"%.*s\" has bits set after its prefix",
			       STR_FMT(text));
	return true;
}

bool
cidr_parse(struct cidr_set *set, struct str text, struct err *e)
{
	set->count = 0;
	while (text.len > 0) {
		size_t end = 0;
		while (end < text.len && text.data[end] != ',' && text.data[end] != ' ')
			end++;
		struct str item = str_take(text, end);
		text = str_skip(text, end + 1);
		if (item.len == 0)
			continue;
		if (set->count == CIDR_NETWORKS_MAX)
			return err_set(e, ERR_CONFIG, "more than %d networks", CIDR_NETWORKS_MAX);
		if (!parse_network(&set->networks[set->count], item, e))
			return false;
		set->count++;
	}
	return true;
}

static bool
contains(const struct cidr_set *set, const uint8_t bytes[16])
{
	for (size_t i = 0; i < set->count; i++)
		if (matches(bytes, set->networks[i].bytes, set->networks[i].prefix))
			return true;
	return false;
}

bool
cidr_contains(const struct cidr_set *set, const struct address *a)
{
	struct ip ip;

	return address_get_ip(a, &ip) && contains(set, ip.bytes);
}

bool
cidr_contains_text(const struct cidr_set *set, struct str text)
{
	struct ip ip;

	return ip_parse(&ip, text) && contains(set, ip.bytes);
}

void
cidr_format(const struct cidr_set *set, struct buf *out)
{
	char text[IP_TEXT_MAX];
	struct ip ip;

	for (size_t i = 0; i < set->count; i++) {
		const struct cidr_network *n = &set->networks[i];

		ip_from_bytes(&ip, n->bytes, false);
		ip.is_ipv4 = n->prefix >= IPV4_PREFIX && ip_is_mapped(&ip);
		ip_format(&ip, text);
		buf_addf(out, "%s%s/%u", i > 0 ? "," : "", text,
			 n->prefix - (ip.is_ipv4 ? IPV4_PREFIX : 0));
	}
}
