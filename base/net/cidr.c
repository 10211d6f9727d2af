/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See cidr.h. Everything is kept as IPv6, so that one comparison serves both families.
 */
#include "base/net/cidr.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#define IPV4_PREFIX 96u /* bits of ::ffff:0:0/96 */

static const uint8_t mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

static bool
parse_ip(struct str text, uint8_t bytes[16], bool *is_ipv4)
{
	char copy[INET6_ADDRSTRLEN];

	if (text.len == 0 || text.len >= sizeof(copy) || memchr(text.data, '\0', text.len) != NULL)
		return false;
	memcpy(copy, text.data, text.len);
	copy[text.len] = '\0';
	*is_ipv4 = inet_pton(AF_INET, copy, bytes + sizeof(mapped)) == 1;
	if (*is_ipv4) {
		memcpy(bytes, mapped, sizeof(mapped));
		return true;
	}
	return inet_pton(AF_INET6, copy, bytes) == 1;
}

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
	uint8_t behind[16];
	bool is_ipv4;
	uint64_t prefix;

	if (!parse_ip(str_take(text, slash), n->bytes, &is_ipv4))
		return err_set(e, ERR_CONFIG, "\"%.*s\" is no IP address or network",
			       STR_FMT(text));
	uint64_t max = is_ipv4 ? 32 : 128;
	prefix = max;
	if (slash != SIZE_MAX && !str_to_u64(str_skip(text, slash + 1), 0, max, &prefix))
		return err_set(e, ERR_CONFIG, "\"%.*s\" has no prefix of 0 to %u bits",
			       STR_FMT(text), (unsigned)max);
	n->prefix = (unsigned)prefix + (is_ipv4 ? IPV4_PREFIX : 0);

	/* 10.1.2.3/8 is more likely a slip than a network. */
	memcpy(behind, n->bytes, sizeof(behind));
	for (unsigned bit = 0; bit < n->prefix; bit++)
		behind[bit / 8] &= (uint8_t) ~(0x80u >> bit % 8);
	if (memcmp(behind, zero, sizeof(zero)) != 0)
		return err_set(e, ERR_CONFIG, "\"%.*s\" has bits set behind its prefix",
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
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
	uint8_t bytes[16];

	if (a->len == 0)
		return false;
	if (a->sa.ss_family == AF_INET) {
		memcpy(&v4, &a->sa, sizeof(v4));
		memcpy(bytes, mapped, sizeof(mapped));
		memcpy(bytes + sizeof(mapped), &v4.sin_addr, 4);
		return contains(set, bytes);
	}
	if (a->sa.ss_family != AF_INET6)
		return false;
	memcpy(&v6, &a->sa, sizeof(v6));
	memcpy(bytes, &v6.sin6_addr, sizeof(bytes));
	return contains(set, bytes);
}

bool
cidr_contains_text(const struct cidr_set *set, struct str ip)
{
	uint8_t bytes[16];
	bool is_ipv4;

	return parse_ip(ip, bytes, &is_ipv4) && contains(set, bytes);
}

void
cidr_format(const struct cidr_set *set, struct buf *out)
{
	char text[INET6_ADDRSTRLEN];

	for (size_t i = 0; i < set->count; i++) {
		const struct cidr_network *n = &set->networks[i];
		bool is_ipv4 =
			n->prefix >= IPV4_PREFIX && memcmp(n->bytes, mapped, sizeof(mapped)) == 0;
		const uint8_t *bytes = is_ipv4 ? n->bytes + sizeof(mapped) : n->bytes;

		if (inet_ntop(is_ipv4 ? AF_INET : AF_INET6, bytes, text, sizeof(text)) == NULL)
			continue;
		buf_addf(out, "%s%s/%u", i > 0 ? "," : "", text,
			 n->prefix - (is_ipv4 ? IPV4_PREFIX : 0));
	}
}
