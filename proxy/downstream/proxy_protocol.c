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

/* "TCP4 <source> <destination> <source port> <destination port>" */
static bool
parse_v1_addresses(struct str rest, struct address *client)
{
	struct str parts[5];
	struct str surplus;
	struct ip source;
	struct ip destination;
	uint64_t port;
	uint64_t other_port;

	for (size_t i = 0; i < 5; i++)
		if (!str_next(&rest, ' ', &parts[i]))
			return false;
	bool is_ipv4 = str_equal(parts[0], STR("TCP4"));
	if (str_next(&rest, ' ', &surplus) || (!is_ipv4 && !str_equal(parts[0], STR("TCP6"))) ||
	    !ip_parse(&source, parts[1]) || source.is_ipv4 != is_ipv4 ||
	    !ip_parse(&destination, parts[2]) || destination.is_ipv4 != is_ipv4 ||
	    !str_to_u64(parts[3], 0, UINT16_MAX, &port) ||
	    !str_to_u64(parts[4], 0, UINT16_MAX, &other_port))
		return false;
	address_set_ip(client, &source, (uint16_t)port);
	return true;
}

static void
set_client(struct address *client, const uint8_t *ip, bool is_ipv4, const uint8_t *port)
{
	struct ip source;

	ip_from_bytes(&source, ip, is_ipv4);
	address_set_ip(client, &source, (uint16_t)(port[0] << 8 | port[1]));
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
		set_client(client, bytes + 16, true, bytes + 24);
	else if (bytes[13] == 0x21 && len >= V2_IPV6_SIZE)
		set_client(client, bytes + 16, false, bytes + 48);
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
