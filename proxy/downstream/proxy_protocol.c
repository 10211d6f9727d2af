/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Parses the text header of version 1 and the binary header of version 2 with its extensions.
 */
#include "proxy/downstream/proxy_protocol.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#define V1_MAX	107u
#define V2_HEAD 16u

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
		return PROXY_PROTOCOL_COMPLETE;
	return parse_v1_addresses(rest, client) ? PROXY_PROTOCOL_COMPLETE
						: bad(e, "malformed addresses");
}

/* Types of extensions that have rules (proxy-protocol.txt section 2.2). */
enum { TLV_CRC32C = 0x03, TLV_UNIQUE_ID = 0x05, TLV_SSL = 0x20 };

#define TLV_HEAD	  3u
#define TLV_CRC32C_SIZE	  4u
#define TLV_UNIQUE_ID_MAX 128u
#define TLV_SSL_HEAD	  5u /* flags and verification result, before the nested extensions */

/* CRC-32C (RFC 3720 appendix B.4); bytes from zero_at on count as 0 for the checksum itself. */
static uint32_t
crc32c(const uint8_t *bytes, size_t len, size_t zero_at)
{
	uint32_t crc = UINT32_MAX;

	for (size_t i = 0; i < len; i++) {
		crc ^= i - zero_at < TLV_CRC32C_SIZE ? 0 : bytes[i];
		for (int bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^ ((crc & 1) != 0 ? 0x82f63b78u : 0);
	}
	return ~crc;
}

static bool
has_right_crc(const uint8_t *header, size_t len, size_t at)
{
	const uint8_t *stated = header + at;

	return crc32c(header, len, at) == ((uint32_t)stated[0] << 24 | (uint32_t)stated[1] << 16 |
					   (uint32_t)stated[2] << 8 | stated[3]);
}

/* Whether the extensions in header[at .. end) fill it exactly. The others are skipped. */
static bool
check_extensions(const uint8_t *header, size_t len, size_t at, size_t end, bool is_nested)
{
	while (at < end) {
		if (end - at < TLV_HEAD)
			return false;
		unsigned type = header[at];
		size_t size = (size_t)header[at + 1] << 8 | header[at + 2];
		at += TLV_HEAD;
		if (size > end - at)
			return false;
		if (!is_nested && type == TLV_CRC32C &&
		    (size != TLV_CRC32C_SIZE || !has_right_crc(header, len, at)))
			return false;
		if (!is_nested && type == TLV_UNIQUE_ID && size > TLV_UNIQUE_ID_MAX)
			return false;
		if (!is_nested && type == TLV_SSL &&
		    (size < TLV_SSL_HEAD ||
		     !check_extensions(header, len, at + TLV_SSL_HEAD, at + size, true)))
			return false;
		at += size;
	}
	return true;
}

/* The block behind the head, by address family: unspecified, IPv4, IPv6, unix. */
static enum proxy_protocol_found
parse_v2_block(const uint8_t *bytes, size_t len, struct address *client, struct err *e)
{
	static const size_t address_sizes[] = {0, 12, 36, 216};
	unsigned family = bytes[13] >> 4;
	unsigned transport = bytes[13] & 15;

	if (family > 3 || transport > 2)
		return bad(e, "unknown address family or transport");
	if (family == 0)
		return PROXY_PROTOCOL_COMPLETE;
	if (len < address_sizes[family])
		return bad(e, "too short for its addresses");
	if (!check_extensions(bytes, V2_HEAD + len, V2_HEAD + address_sizes[family], V2_HEAD + len,
			      false))
		return bad(e, "malformed extensions");
	if (transport == 1 && family < 3)
		set_client(client, bytes + V2_HEAD, family == 1,
			   bytes + V2_HEAD + address_sizes[family] - 4);
	return PROXY_PROTOCOL_COMPLETE;
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
		return bad(e, "longer than 536 bytes");
	if (data.len < V2_HEAD + len)
		return PROXY_PROTOCOL_MORE;
	*used = V2_HEAD + len;
	/* LOCAL: a health check of the balancer itself. */
	if ((bytes[12] & 15) == 0)
		return PROXY_PROTOCOL_COMPLETE;
	return parse_v2_block(bytes, len, client, e);
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
