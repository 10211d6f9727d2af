/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sockets to listen on: bound by us, or bound by a service manager and passed to us.
 */
#ifndef BASE_NET_LISTEN_SOCKET_H
#define BASE_NET_LISTEN_SOCKET_H

#include "base/net/address.h"

/*
 * Binds a non-blocking stream socket that does not listen yet. Returns -1 with an error. Wildcard
 * IPv6 accepts IPv4 too. Replaces a unix socket's file without a listener.
 *
 * Never sets SO_REUSEPORT: with it, any process of our user could bind the same port, or a more
 * specific address of it, and receive our connections.
 */
int listen_socket_bind(const struct address *wanted, struct err *e) MUST_CHECK;

/* Checks that an inherited descriptor is a listening stream socket, and makes it non-blocking and
 * close-on-exec. */
bool listen_socket_adopt(int fd, struct err *e) MUST_CHECK;

/* Reads the address that a socket is bound to. */
bool listen_socket_address(int fd, struct address *bound, struct err *e) MUST_CHECK;

#endif
