/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which TCP sockets listen in this network namespace, which the containers of a pod share: from
 * /proc/net/tcp and /proc/net/tcp6 (proc_net_tcp.txt of the kernel's documentation).
 */
#ifndef PROXY_START_LISTENING_H
#define PROXY_START_LISTENING_H

#include "base/net/ip.h"

#define LISTENING_MAX 64u

struct listening {
	struct {
		struct ip ip;
		uint16_t port;
	} items[LISTENING_MAX];
	size_t count;
};

/* A line of such a file. False if it is none of a listening socket, or malformed. */
bool listening_parse_line(struct str line, bool is_ipv4, struct ip *ip, uint16_t *port);

/* Appends the listening sockets of such a file. What is malformed is passed over. */
void listening_parse(struct listening *l, struct str text, bool is_ipv4);

/* Reads both files, of each the first 64 KiB, where listening sockets are. False: neither could be
 * read. Takes a fraction of a millisecond. */
bool listening_read(struct listening *l);

/* Whether connections to wanted reach a socket that is bound to `bound`. */
bool listening_covers(const struct ip *bound, const struct ip *wanted);

#endif
