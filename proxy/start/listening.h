/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which TCP sockets listen in this network namespace, which the containers of a pod share: from
 * /proc/net/tcp and /proc/net/tcp6 (proc_net_tcp.txt of the kernel's documentation).
 */
#ifndef PROXY_START_LISTENING_H
#define PROXY_START_LISTENING_H

#include "base/net/ip.h"

#define LISTENING_MAX	     64u
#define LISTENING_OTHERS_MAX 48u /* items at other ports; the rest is for the IDE's port */

struct listening {
	uint16_t port; /* of the IDE; set by the caller */
	struct {
		struct ip ip;
		uint16_t port;
	} items[LISTENING_MAX];
	size_t count;
	size_t others; /* number of items at other ports */
};

/* Parses a line of such a file. False if it is malformed or the socket does not listen. */
bool listening_parse_line(struct str line, bool is_ipv4, struct ip *ip, uint16_t *port);

/* Appends the listening sockets of such a file, each address and port once. Skips malformed lines.
 * False if there was no listening socket. */
bool listening_parse(struct listening *l, struct str text, bool is_ipv4);

/* Reads the listening sockets of both files, at most LISTENING_FILE_MAX bytes of each. False if
 * neither could be read. Takes a fraction of a millisecond if there are few such sockets. */
#define LISTENING_FILE_MAX (1024u * 1024u)
bool listening_read(struct listening *l);

/* Whether a socket bound to `bound` accepts connections to `wanted`. */
bool listening_covers(const struct ip *bound, const struct ip *wanted);

#endif
