/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which TCP sockets listen in this network namespace, which the containers of a pod share: from
 * /proc/net/tcp and /proc/net/tcp6 (proc_net_tcp.txt of the kernel's documentation).
 */
#ifndef PROXY_START_LISTENING_H
#define PROXY_START_LISTENING_H

#include "base/net/ip.h"

#define LISTENING_MAX	     64u
#define LISTENING_OTHERS_MAX 48u /* at other ports than the one that is looked for */

struct listening {
	uint16_t port; /* that is looked for; set by the caller */
	struct {
		struct ip ip;
		uint16_t port;
	} items[LISTENING_MAX];
	size_t count;
	size_t others; /* of these: at other ports */
};

/* A line of such a file. False if it is none of a listening socket, or malformed. */
bool listening_parse_line(struct str line, bool is_ipv4, struct ip *ip, uint16_t *port);

/* Appends the listening sockets of such a file, each address and port once. What is malformed is
 * passed over. False if there was no listening socket. */
bool listening_parse(struct listening *l, struct str text, bool is_ipv4);

/* Reads both files as far as listening sockets are, at most LISTENING_FILE_MAX bytes of each.
 * False: neither could be read. Takes a fraction of a millisecond where few sockets listen. */
#define LISTENING_FILE_MAX (1024u * 1024u)
bool listening_read(struct listening *l);

/* Whether connections to wanted reach a socket that is bound to `bound`. */
bool listening_covers(const struct ip *bound, const struct ip *wanted);

#endif
