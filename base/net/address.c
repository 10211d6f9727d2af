/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Numeric socket addresses and their text. ":port" means all addresses of both families where the
 * kernel has IPv6, and all of IPv4 where it has not; listeners switch IPV6_V6ONLY off for it.
 */
#include "base/net/address.h"

#include <netinet/in.h>
#include <stdio.h>
#include <unistd.h>

#define UNIX_PREFIX STR("unix:")

void
address_set_ip(struct address *a, const struct ip *ip, uint16_t port)
{
	struct sockaddr_in sin = {.sin_family = AF_INET, .sin_port = htons(port)};
	struct sockaddr_in6 sin6 = {.sin6_family = AF_INET6, .sin6_port = htons(port)};

	if (ip->is_ipv4) {
		memcpy(&sin.sin_addr, ip_own_bytes(ip), sizeof(sin.sin_addr));
		*a = (struct address){.len = sizeof(sin)};
		memcpy(&a->sa, &sin, sizeof(sin));
	} else {
		memcpy(&sin6.sin6_addr, ip_own_bytes(ip), sizeof(sin6.sin6_addr));
		*a = (struct address){.len = sizeof(sin6)};
		memcpy(&a->sa, &sin6, sizeof(sin6));
	}
}

bool
address_get_ip(const struct address *a, struct ip *ip)
{
	struct sockaddr_in sin;
	struct sockaddr_in6 sin6;

	if (a->len > 0 && a->sa.ss_family == AF_INET) {
		memcpy(&sin, &a->sa, sizeof(sin));
		ip_from_bytes(ip, &sin.sin_addr, true);
		return true;
	}
	if (a->len > 0 && a->sa.ss_family == AF_INET6) {
		memcpy(&sin6, &a->sa, sizeof(sin6));
		ip_from_bytes(ip, &sin6.sin6_addr, false);
		return true;
	}
	return false;
}

static bool
has_ipv6(void)
{
	int fd = socket(AF_INET6, SOCK_STREAM, 0); /* macOS has no SOCK_CLOEXEC */

	if (fd < 0)
		return false;
	(void)close(fd);
	return true;
}

static void
set_any(struct address *a, uint16_t port)
{
	struct ip any;

	ip_from_bytes(&any, &in6addr_any, !has_ipv6());
	address_set_ip(a, &any, port);
}

/* Parses a host without brackets; "localhost" is 127.0.0.1. */
static bool
set_host(struct address *a, struct str host, bool is_ipv4, uint16_t port)
{
	struct ip ip;

	if (is_ipv4 && str_equal_nocase(host, STR("localhost")))
		host = STR("127.0.0.1");
	if (!ip_parse(&ip, host) || ip.is_ipv4 != is_ipv4)
		return false;
	address_set_ip(a, &ip, port);
	return true;
}

static bool
is_bracketed(struct str host)
{
	return str_starts_with(host, STR("[")) && str_ends_with(host, STR("]"));
}

static struct str
without_brackets(struct str host)
{
	return is_bracketed(host) ? str_take(str_skip(host, 1), host.len - 2) : host;
}

static bool
parse_unix(struct address *a, struct str path, struct err *e)
{
	struct sockaddr_un sun = {.sun_family = AF_UNIX};

	if (!str_starts_with(path, STR("/")) || str_find_byte(path, '\0') != SIZE_MAX)
		return err_set(e, ERR_CONFIG, "a unix socket needs an absolute path: unix:/path");
	if (path.len >= sizeof(sun.sun_path))
		return err_set(e, ERR_CONFIG, "the path of a unix socket has at most %zu bytes",
			       sizeof(sun.sun_path) - 1);
	memcpy(sun.sun_path, path.data, path.len);
	*a = (struct address){
		.len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + path.len + 1)};
	memcpy(&a->sa, &sun, sizeof(sun));
	return true;
}

bool
address_parse(struct address *a, struct str text, struct err *e)
{
	struct str host, port_text;
	uint64_t port;
	size_t colon = SIZE_MAX;

	*a = (struct address){.len = 0};
	if (str_starts_with(text, UNIX_PREFIX))
		return parse_unix(a, str_skip(text, UNIX_PREFIX.len), e);
	for (size_t i = 0; i < text.len; i++) {
		if (text.data[i] == ':')
			colon = i;
	}
	if (colon == SIZE_MAX)
		return err_set(e, ERR_CONFIG, "no port");
	host = str_take(text, colon);
	port_text = str_skip(text, colon + 1);
	if (port_text.len > 5 || !str_to_u64(port_text, 0, 65535, &port))
		return err_set(e, ERR_CONFIG, "the port is not a number from 0 to 65535");
	if (host.len == 0) {
		set_any(a, (uint16_t)port);
		return true;
	}
	if (set_host(a, without_brackets(host), !is_bracketed(host), (uint16_t)port))
		return true;
	return err_set(e, ERR_CONFIG, "the host is not an IP address");
}

bool
address_from_host(struct address *a, struct str host, uint16_t port, struct err *e)
{
	*a = (struct address){.len = 0};
	if (!is_bracketed(host) && set_host(a, host, true, port))
		return true;
	if (set_host(a, without_brackets(host), false, port))
		return true;
	return err_set(e, ERR_CONFIG, "the host is neither a numeric address nor localhost");
}

bool
address_is_set(const struct address *a)
{
	return a->len > 0;
}

bool
address_is_unix(const struct address *a)
{
	return a->len > 0 && a->sa.ss_family == AF_UNIX;
}

/* Formats the path, which ends at the address's length or at a NUL. Unnamed peers have none. */
static void
format_unix(const struct address *a, char *out, size_t size)
{
	size_t offset = offsetof(struct sockaddr_un, sun_path);
	struct sockaddr_un sun;
	size_t len = a->len > offset ? a->len - offset : 0;

	memcpy(&sun, &a->sa, sizeof(sun));
	if (len > sizeof(sun.sun_path))
		len = sizeof(sun.sun_path);
	(void)snprintf(out, size, "unix:%.*s", (int)strnlen(sun.sun_path, len), sun.sun_path);
}

void
address_format(const struct address *a, char *out, size_t size)
{
	char text[IP_TEXT_MAX];
	struct ip ip;

	if (size == 0)
		return;
	out[0] = '\0';
	if (address_is_unix(a)) {
		format_unix(a, out, size);
	} else if (address_get_ip(a, &ip)) {
		ip_format(&ip, text);
		(void)snprintf(out, size, ip.is_ipv4 ? "%s:%u" : "[%s]:%u", text,
			       (unsigned)address_port(a));
	}
}

void
address_format_ip(const struct address *a, char *out, size_t size)
{
	char text[IP_TEXT_MAX] = "";
	struct ip ip;

	if (address_get_ip(a, &ip)) {
		ip.is_ipv4 = ip_is_mapped(&ip);
		ip_format(&ip, text);
	}
	(void)snprintf(out, size, "%s", address_is_unix(a) ? "unix" : text);
}

uint16_t
address_port(const struct address *a)
{
	struct sockaddr_in sin;
	struct sockaddr_in6 sin6;

	if (a->len > 0 && a->sa.ss_family == AF_INET) {
		memcpy(&sin, &a->sa, sizeof(sin));
		return ntohs(sin.sin_port);
	}
	if (a->len > 0 && a->sa.ss_family == AF_INET6) {
		memcpy(&sin6, &a->sa, sizeof(sin6));
		return ntohs(sin6.sin6_port);
	}
	return 0;
}

/* Keys of the two families never collide: no IPv6 network in use begins with 32 zero bits, because
 * ::/8 is reserved (RFC 4291 section 4). */
uint64_t
address_client_key(const struct address *a)
{
	struct ip ip;
	uint64_t key = 0;

	if (!address_get_ip(a, &ip))
		return 0;
	ip.is_ipv4 = ip_is_mapped(&ip);
	const uint8_t *bytes = ip_own_bytes(&ip);
	for (size_t i = 0; i < (ip.is_ipv4 ? 4 : 8); i++)
		key = key << 8 | bytes[i];
	/* "::1" would have the key 0, which means unknown. */
	return key == 0 ? 1 : key;
}
