/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Listening sockets. libevhtp accepts; the descriptor is taken over before it parses anything
 * (docs/decisions/0001-evhtp-only-accepts.md). TCP_NODELAY is set, and descriptors are non-blocking
 * and close-on-exec. The wildcard address (":port", "[::]:port") listens on IPv6 and IPv4 where the
 * system has both.
 */
#ifndef BASE_NET_LISTEN_H
#define BASE_NET_LISTEN_H

#include "base/net/address.h"
#include "base/net/loop.h"

struct listen;

/* The callee owns fd. peer is the remote address. */
typedef void listen_accept_fn(int fd, const struct address *peer, void *arg);

/*
 * Listens on address: port 0 lets the kernel choose one (see listen_address), and a stale unix
 * socket file is replaced. With passed_fd >= 0, listens on that socket instead, which another
 * process has bound and keeps (see listen_socket_adopt); owns the descriptor, also on failure.
 * Returns NULL on failure.
 */
struct listen *listen_new(struct loop *l, const struct address *address, int passed_fd,
			  listen_accept_fn *on_accept, void *arg, struct err *e) MUST_CHECK;
/* Closes the listening socket and removes the file of a unix socket that was bound here. */
void listen_free(struct listen *s);

/* As listen_free, and accepts what waits in the kernel first, which a close would reset.
 * Connections to a passed socket keep waiting. Does nothing for NULL. */
void listen_free_after_backlog(struct listen *s);

/* Stops and resumes accepting; connections wait in the kernel's backlog meanwhile. */
void listen_pause(struct listen *s);
void listen_resume(struct listen *s);

/* False: the unix socket's file was removed or replaced, so clients can no longer connect. */
bool listen_can_be_reached(const struct listen *s);

/* What is bound, with the port that the kernel chose. */
const struct address *listen_address(const struct listen *s);

#endif
