/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Numeric socket addresses and their text. ":port" means all addresses of both families where the
 * kernel has IPv6, and all of IPv4 where it has not; listeners switch IPV6_V6ONLY off for it.
 */
#include "base/net/address.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <unistd.h>

#define UNIX_PREFIX STR("unix:")

static void
set_ipv4(struct address *a, const struct in_addr *ip, uint16_t port)
{
	struct sockaddr_in sin = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr = *ip};

	*a = (struct address){.len = sizeof(sin)};
	memcpy(&a->sa, &sin, sizeof(sin));
}

static void
set_ipv6(struct address *a, const struct in6_addr *ip, uint16_t port)
{
	struct sockaddr_in6 sin6 = {
		.sin6_family = AF_INET6, .sin6_port = htons(port), .sin6_addr = *ip};

	*a = (struct address){.len = sizeof(sin6)};
	memcpy(&a->sa, &sin6, sizeof(sin6));
}

static bool
has_ipv6(void)
{
	int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return false;
	(void)close(fd);
	return true;
}

static void
set_any(struct address *a, uint16_t port)
{
	struct in_addr any = {.s_addr = htonl(INADDR_ANY)};

	if (has_ipv6())
		set_ipv6(a, &in6addr_any, port);
	else
		set_ipv4(a, &any, port);
}

/* A NUL-terminated copy for inet_pton, empty where the text can't be a numeric address. */
static void
copy_host(char out[INET6_ADDRSTRLEN], struct str host)
{
	out[0] = '\0';
	if (host.len > 0 && host.len < INET6_ADDRSTRLEN && str_find_byte(host, '\0') == SIZE_MAX) {
		memcpy(out, host.data, host.len);
		out[host.len] = '\0';
	}
}

static bool
set_host_ipv4(struct address *a, struct str host, uint16_t port)
{
	char text[INET6_ADDRSTRLEN];
	struct in_addr ip;

	copy_host(text, str_equal_nocase(host, STR("localhost")) ? STR("127.0.0.1") : host);
	if (inet_pton(AF_INET, text, &ip) != 1)
		return false;
	set_ipv4(a, &ip, port);
	return true;
}

static bool
set_host_ipv6(struct address *a, struct str host, uint16_t port)
{
	char text[INET6_ADDRSTRLEN];
	struct in6_addr ip;

	copy_host(text, host);
	if (inet_pton(AF_INET6, text, &ip) != 1)
		return false;
	set_ipv6(a, &ip, port);
	return true;
}

static bool
is_bracketed(struct str host)
{
	return str_starts_with(host, STR("[")) && str_ends_with(host, STR("]"));
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
		return err_set(e, ERR_CONFIG, "the port is no number from 0 to 65535");
	if (host.len == 0) {
		set_any(a, (uint16_t)port);
		return true;
	}
	if (is_bracketed(host)
		    ? set_host_ipv6(a, str_take(str_skip(host, 1), host.len - 2), (uint16_t)port)
		    : set_host_ipv4(a, host, (uint16_t)port))
		return true;
	return err_set(e, ERR_CONFIG, "the host is no address");
}

bool
address_from_host(struct address *a, struct str host, uint16_t port, struct err *e)
{
	*a = (struct address){.len = 0};
	if (is_bracketed(host))
		host = str_take(str_skip(host, 1), host.len - 2);
	else if (set_host_ipv4(a, host, port))
		return true;
	if (set_host_ipv6(a, host, port))
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

static struct sockaddr_in
get_ipv4(const struct address *a)
{
	struct sockaddr_in sin;

	memcpy(&sin, &a->sa, sizeof(sin));
	return sin;
}

static struct sockaddr_in6
get_ipv6(const struct address *a)
{
	struct sockaddr_in6 sin6;

	memcpy(&sin6, &a->sa, sizeof(sin6));
	return sin6;
}

/* The path ends at the address's length or at a NUL; an unnamed peer has none. */
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
	char ip[INET6_ADDRSTRLEN] = "";

	if (size == 0)
		return;
	out[0] = '\0';
	if (a->len == 0)
		return;
	if (a->sa.ss_family == AF_UNIX) {
		format_unix(a, out, size);
	} else if (a->sa.ss_family == AF_INET) {
		struct sockaddr_in sin = get_ipv4(a);

		(void)inet_ntop(AF_INET, &sin.sin_addr, ip, sizeof(ip));
		(void)snprintf(out, size, "%s:%u", ip, (unsigned)address_port(a));
	} else if (a->sa.ss_family == AF_INET6) {
		struct sockaddr_in6 sin6 = get_ipv6(a);

		(void)inet_ntop(AF_INET6, &sin6.sin6_addr, ip, sizeof(ip));
		(void)snprintf(out, size, "[%s]:%u", ip, (unsigned)address_port(a));
	}
}

void
address_format_ip(const struct address *a, char *out, size_t size)
{
	char ip[INET6_ADDRSTRLEN] = "";

	if (address_is_unix(a)) {
		(void)snprintf(out, size, "unix");
		return;
	}
	if (a->len > 0 && a->sa.ss_family == AF_INET) {
		struct sockaddr_in sin = get_ipv4(a);

		(void)inet_ntop(AF_INET, &sin.sin_addr, ip, sizeof(ip));
	} else if (a->len > 0 && a->sa.ss_family == AF_INET6) {
		struct sockaddr_in6 sin6 = get_ipv6(a);

		if (IN6_IS_ADDR_V4MAPPED(&sin6.sin6_addr))
			(void)inet_ntop(AF_INET, &sin6.sin6_addr.s6_addr[12], ip, sizeof(ip));
		else
			(void)inet_ntop(AF_INET6, &sin6.sin6_addr, ip, sizeof(ip));
	}
	(void)snprintf(out, size, "%s", ip);
}

uint16_t
address_port(const struct address *a)
{
	if (a->len > 0 && a->sa.ss_family == AF_INET)
		return ntohs(get_ipv4(a).sin_port);
	if (a->len > 0 && a->sa.ss_family == AF_INET6)
		return ntohs(get_ipv6(a).sin6_port);
	return 0;
}

/* No IPv6 network in use begins with 64 bits
 * that are an IPv4 address alone: ::/8 is reserved (RFC 4291 section 4). */
uint64_t
address_client_key(const struct address *a)
{
	struct sockaddr_in in;
	struct sockaddr_in6 in6;
	uint64_t key = 0;
	const uint8_t *bytes;
	size_t len = 4;

	if (a->sa.ss_family == AF_INET) {
		memcpy(&in, &a->sa, sizeof(in));
		bytes = (const uint8_t *)&in.sin_addr;
	} else if (a->sa.ss_family == AF_INET6) {
		memcpy(&in6, &a->sa, sizeof(in6));
		bytes = in6.sin6_addr.s6_addr;
		if (IN6_IS_ADDR_V4MAPPED(&in6.sin6_addr))
			bytes += 12;
		else
			len = 8;
	} else {
		return 0;
	}
	for (size_t i = 0; i < len; i++)
		key = key << 8 | bytes[i];
	/* Loopback "::1" has an empty network. */
	return key == 0 ? 1 : key;
}
