/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See proxy_protocol.h.
 */
#include "proxy/downstream/proxy_protocol.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#define V1_MAX	     107u
#define V2_HEAD	     16u
#define V2_IPV4_SIZE 12u
#define V2_IPV6_SIZE 36u

static const char v2_signature[12] = "\r\n\r\n\0\r\nQUIT\n";

static enum proxy_protocol_found
bad(struct err *e, const char *why)
{
	err_set(e, ERR_INPUT, "PROXY header: %s", why);
	return PROXY_PROTOCOL_BAD;
}

static void
set_ipv4(struct address *a, const void *ip, uint16_t port)
{
	struct sockaddr_in sin = {.sin_family = AF_INET, .sin_port = htons(port)};

	memcpy(&sin.sin_addr, ip, 4);
	*a = (struct address){.len = sizeof(sin)};
	memcpy(&a->sa, &sin, sizeof(sin));
}

static void
set_ipv6(struct address *a, const void *ip, uint16_t port)
{
	struct sockaddr_in6 sin6 = {.sin6_family = AF_INET6, .sin6_port = htons(port)};

	memcpy(&sin6.sin6_addr, ip, 16);
	*a = (struct address){.len = sizeof(sin6)};
	memcpy(&a->sa, &sin6, sizeof(sin6));
}

static bool
parse_ip(struct str text, int family, uint8_t ip[16])
{
	char copy[INET6_ADDRSTRLEN];

	if (text.len == 0 || text.len >= sizeof(copy))
		return false;
	memcpy(copy, text.data, text.len);
	copy[text.len] = '\0';
	return inet_pton(family, copy, ip) == 1;
}

/* "TCP4 <source> <destination> <source port> <destination port>" */
static bool
parse_v1_addresses(struct str rest, struct address *client)
{
	struct str parts[5];
	struct str surplus;
	uint8_t ip[16];
	uint8_t other[16];
	uint64_t port;
	uint64_t other_port;

	for (size_t i = 0; i < 5; i++)
		if (!str_next(&rest, ' ', &parts[i]))
			return false;
	bool is_ipv4 = str_equal(parts[0], STR("TCP4"));
	int family = is_ipv4 ? AF_INET : AF_INET6;
	if (str_next(&rest, ' ', &surplus) || (!is_ipv4 && !str_equal(parts[0], STR("TCP6"))) ||
	    !parse_ip(parts[1], family, ip) || !parse_ip(parts[2], family, other) ||
	    !str_to_u64(parts[3], 0, UINT16_MAX, &port) ||
	    !str_to_u64(parts[4], 0, UINT16_MAX, &other_port))
		return false;
	if (is_ipv4)
		set_ipv4(client, ip, (uint16_t)port);
	else
		set_ipv6(client, ip, (uint16_t)port);
	return true;
}

static enum proxy_protocol_found
parse_v1(struct str data, size_t *used, struct address *client, struct err *e)
{
	static const struct str start = {"PROXY ", 6};
	size_t lf = str_find_byte(str_take(data, V1_MAX), '\n');

	if (!str_equal(str_take(data, start.len), str_take(start, data.len)))
		return bad(e, "missing");
	if (lf == SIZE_MAX)
		return data.len >= V1_MAX ? bad(e, "the line does not end") : PROXY_PROTOCOL_MORE;
	if (lf < start.len || data.data[lf - 1] != '\r')
		return bad(e, "the line does not end in CRLF");
	struct str rest = str_skip(str_take(data, lf - 1), start.len);
	*used = lf + 1;
	if (str_starts_with(rest, STR("UNKNOWN")))
		return PROXY_PROTOCOL_WHOLE;
	return parse_v1_addresses(rest, client) ? PROXY_PROTOCOL_WHOLE
						: bad(e, "malformed addresses");
}

static enum proxy_protocol_found
parse_v2(struct str data, size_t *used, struct address *client, struct err *e)
{
	const uint8_t *bytes = (const uint8_t *)data.data;

	if (data.len < V2_HEAD)
		return PROXY_PROTOCOL_MORE;
	size_t len = (size_t)bytes[14] << 8 | bytes[15];
	if (bytes[12] >> 4 != 2 || (bytes[12] & 15) > 1)
		return bad(e, "unknown version or command");
	if (V2_HEAD + len > PROXY_PROTOCOL_MAX)
		return bad(e, "longer than is taken");
	if (data.len < V2_HEAD + len)
		return PROXY_PROTOCOL_MORE;
	*used = V2_HEAD + len;
	/* LOCAL: a health check of the balancer itself. */
	if ((bytes[12] & 15) == 0)
		return PROXY_PROTOCOL_WHOLE;
	if (bytes[13] == 0x11 && len >= V2_IPV4_SIZE)
		set_ipv4(client, bytes + 16, (uint16_t)(bytes[24] << 8 | bytes[25]));
	else if (bytes[13] == 0x21 && len >= V2_IPV6_SIZE)
		set_ipv6(client, bytes + 16, (uint16_t)(bytes[48] << 8 | bytes[49]));
	else if (bytes[13] == 0x11 || bytes[13] == 0x21)
		return bad(e, "too short for its addresses");
	return PROXY_PROTOCOL_WHOLE;
}

enum proxy_protocol_found
proxy_protocol_parse(struct str data, size_t *used, struct address *client, struct err *e)
{
	size_t compared = data.len < sizeof(v2_signature) ? data.len : sizeof(v2_signature);

	*used = 0;
	*client = (struct address){.len = 0};
	if (data.len == 0)
		return PROXY_PROTOCOL_MORE;
	if (memcmp(data.data, v2_signature, compared) == 0)
		return parse_v2(data, used, client, e);
	return parse_v1(data, used, client, e);
}
