/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sockets to listen on: bound by us, or bound by a service manager and passed to us.
 */
#ifndef BASE_NET_LISTEN_SOCKET_H
#define BASE_NET_LISTEN_SOCKET_H

#include "base/net/address.h"

/*
 * Binds a non-blocking stream socket that does not listen yet; -1 with *e set. Wildcard IPv6 takes
 * IPv4 as well. A unix socket's file without a listener is replaced.
 *
 * Never sets SO_REUSEPORT: with it any process of our user could bind the same port or a more
 * specific address of it, and get our connections.
 */
int listen_socket_bind(const struct address *wanted, struct err *e) MUST_CHECK;

/* Whether an inherited descriptor is a listening stream socket; makes it non-blocking and
 * close-on-exec. */
bool listen_socket_adopt(int fd, struct err *e) MUST_CHECK;

/* The address that a socket is bound to. */
bool listen_socket_address(int fd, struct address *bound, struct err *e) MUST_CHECK;

#endif
