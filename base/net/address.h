/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Socket addresses in the syntax of the settings: "host:port", "[v6]:port", ":port" (all
 * addresses), "unix:/path". Hosts are numeric or "localhost": names are never resolved by DNS.
 */
#ifndef BASE_NET_ADDRESS_H
#define BASE_NET_ADDRESS_H

#include <sys/socket.h>
#include <sys/un.h>

#include "base/net/ip.h"
#include "base/str.h"

struct address {
	struct sockaddr_storage sa;
	socklen_t len; /* 0: not set */
};

#define ADDRESS_TEXT_MAX 128

bool address_parse(struct address *a, struct str text, struct err *e) MUST_CHECK;
bool address_is_set(const struct address *a);
bool address_is_unix(const struct address *a);

/* Converts an IPv4 or IPv6 address; false for others. */
bool address_get_ip(const struct address *a, struct ip *ip);
void address_set_ip(struct address *a, const struct ip *ip, uint16_t port);

/* Builds an address from host and port of a URL. host as in address_parse. */
bool address_from_host(struct address *a, struct str host, uint16_t port, struct err *e) MUST_CHECK;

/* Formats as "127.0.0.1:80", "[::1]:80" or "unix:/path"; always NUL-terminated. */
void address_format(const struct address *a, char *out, size_t size);

/* Formats the IP alone ("127.0.0.1", "::1"); "unix" for unix sockets. IPv4-mapped IPv6 is formatted
 * as IPv4. */
void address_format_ip(const struct address *a, char *out, size_t size);

/* Returns the same key for all addresses of one client: an IPv4 address, also mapped into IPv6, or
 * an IPv6 /64. 0: neither. */
uint64_t address_client_key(const struct address *a);

/* Returns 0 for unix sockets. */
uint16_t address_port(const struct address *a);

#endif
