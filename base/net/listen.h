/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Listening sockets by libevhtp: it binds and accepts, and hands every descriptor over before it
 * would parse a byte (docs/decisions says why). Nagle is off and descriptors are non-blocking and
 * close-on-exec. All addresses (":port", "[::]:port") means IPv6 and IPv4 where the system has
 * both.
 */
#ifndef BASE_NET_LISTEN_H
#define BASE_NET_LISTEN_H

#include "base/net/address.h"
#include "base/net/loop.h"

struct listen;

/* The callee owns fd. peer is the remote address. */
typedef void listen_accept_fn(int fd, const struct address *peer, void *arg);

/* Port 0 takes one from the kernel: see listen_address. A stale unix socket file is replaced. */
struct listen *listen_new(struct loop *l, const struct address *address,
			  listen_accept_fn *on_accept, void *arg, struct err *e) MUST_CHECK;
void listen_free(struct listen *s); /* closes the listening socket, removes a unix socket's file */

/* As listen_free, and hands over what waits in the kernel first: a close would reset it, also where
 * another process listens on the same port. NULL is fine. */
void listen_free_gently(struct listen *s);

/* Stops and resumes accepting; connections wait in the kernel's backlog meanwhile. */
void listen_pause(struct listen *s);
void listen_resume(struct listen *s);

/* False: the unix socket's file was removed or replaced, so nobody can come any more. */
bool listen_can_be_reached(const struct listen *s);

/* What is bound, with the port that the kernel chose. */
const struct address *listen_address(const struct listen *s);

/*
 * Binds and listens for a libevhtp object of a sibling module, with everything that is promised
 * above. bound is what is bound, with the kernel's port.
 */
struct evhtp;
bool listen_bind(struct evhtp *evhtp, const struct address *wanted, struct address *bound,
		 struct err *e) MUST_CHECK;

#endif
