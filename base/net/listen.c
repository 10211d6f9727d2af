/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Listening sockets by libevhtp, which binds and accepts; the pre_accept hook takes each descriptor
 * away before a parser exists.
 *
 * evhtp_bind_sockaddr binds everything but one case: it sets IPV6_V6ONLY on every IPv6 socket, so
 * the wildcard that shall take both families is bound here and given to evhtp_accept_socket. With
 * SO_REUSEPORT a second process may share a port; the kernel spreads connections over both.
 */
#include "base/net/listen.h"

#include <errno.h>
#include <evhtp/evhtp.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log/log.h"

#define BACKLOG	       1024
#define ACCEPT_WAIT_MS 100 /* after accept failed for want of descriptors or memory */

struct listen {
	evhtp_t *evhtp;
	listen_accept_fn *on_accept;
	void *arg;
	struct address address;
	struct loop_timer accept_again;
	bool paused;	 /* by our owner */
	bool is_failing; /* accept failed, and no connection was accepted since */
	dev_t file_dev;	 /* of a unix socket's file */
	ino_t file_ino;
};

static const struct sockaddr *
sockaddr_of(const struct address *a)
{
	return (const struct sockaddr *)&a->sa;
}

static bool
is_ipv6_wildcard(const struct address *a)
{
	struct sockaddr_in6 in6;

	if (a->sa.ss_family != AF_INET6)
		return false;
	memcpy(&in6, &a->sa, sizeof(in6));
	return IN6_IS_ADDR_UNSPECIFIED(&in6.sin6_addr);
}

static struct address
ipv4_wildcard(uint16_t port)
{
	struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons(port)};
	struct address a = {.len = sizeof(in)};

	memcpy(&a.sa, &in, sizeof(in));
	return a;
}

/* Removes a socket file that nobody listens on any more. What is no socket is left alone. */
static bool
remove_stale_file(const struct address *a, const char *path, struct err *e)
{
	struct stat st;

	if (lstat(path, &st) != 0)
		return errno == ENOENT ? true : err_set_errno(e, errno, "%s", path);
	if (!S_ISSOCK(st.st_mode))
		return err_set(e, ERR_SYSTEM, "%s: exists and is no socket", path);

	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return err_set_errno(e, errno, "%s: socket", path);
	bool is_stale = connect(fd, sockaddr_of(a), a->len) != 0 && errno == ECONNREFUSED;
	close(fd);
	if (!is_stale)
		return err_set(e, ERR_SYSTEM, "%s: somebody listens there already", path);
	if (unlink(path) != 0)
		return err_set_errno(e, errno, "%s: remove", path);
	return true;
}

/* A socket for both families on all addresses, or -1. */
static int
bind_dual_stack(const struct address *a)
{
	const int on = 1;
	const int off = 0;
	int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0)
		return -1;
	if (setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off)) == 0 &&
	    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) == 0 &&
	    setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on)) == 0 &&
	    setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on)) == 0 &&
	    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)) == 0 &&
	    bind(fd, sockaddr_of(a), a->len) == 0)
		return fd;

	int errno_value = errno;
	close(fd);
	errno = errno_value;
	return -1;
}

static bool
bind_plain(struct evhtp *evhtp, struct address a)
{
	return evhtp_bind_sockaddr(evhtp, (struct sockaddr *)&a.sa, a.len, BACKLOG) == 0;
}

static bool
bind_wildcard(struct evhtp *evhtp, const struct address *a)
{
	int fd = bind_dual_stack(a);

	if (fd >= 0 && evhtp_accept_socket(evhtp, fd, BACKLOG) == 0)
		return true;
	int errno_value = errno;
	if (fd >= 0)
		close(fd);
	if (errno_value == EAFNOSUPPORT || errno_value == EADDRNOTAVAIL)
		return bind_plain(evhtp, ipv4_wildcard(address_port(a)));
	errno = errno_value;
	return false;
}

bool
listen_bind(struct evhtp *evhtp, const struct address *wanted, struct address *bound, struct err *e)
{
	char text[ADDRESS_TEXT_MAX];
	bool ok;

	address_format(wanted, text, sizeof(text));
	*bound = *wanted;
	errno = 0;
	if (address_is_unix(wanted)) {
		struct sockaddr_un un;
		memcpy(&un, &wanted->sa, sizeof(un));
		if (!remove_stale_file(wanted, un.sun_path, e))
			return false;
		ok = bind_plain(evhtp, *wanted);
	} else {
		/* Both fail on unix sockets with some kernels. */
		evhtp_enable_flag(evhtp, EVHTP_FLAG_ENABLE_REUSEPORT);
		evhtp_enable_flag(evhtp, EVHTP_FLAG_ENABLE_NODELAY);
		ok = is_ipv6_wildcard(wanted) ? bind_wildcard(evhtp, wanted)
					      : bind_plain(evhtp, *wanted);
	}
	if (!ok)
		return err_set_errno(e, errno, "listen on %s", text);

	socklen_t len = sizeof(bound->sa);
	if (getsockname(evconnlistener_get_fd(evhtp->server), (struct sockaddr *)&bound->sa,
			&len) != 0)
		return err_set_errno(e, errno, "listen on %s", text);
	if (!address_is_unix(wanted))
		bound->len = len;
	return true;
}

/* evhtp keeps the address without its length. */
static struct address
peer_of(const evhtp_connection_t *connection)
{
	struct address peer = {.len = sizeof(sa_family_t)};

	peer.sa.ss_family = connection->saddr->sa_family;
	if (peer.sa.ss_family == AF_INET)
		peer.len = sizeof(struct sockaddr_in);
	else if (peer.sa.ss_family == AF_INET6)
		peer.len = sizeof(struct sockaddr_in6);
	memcpy(&peer.sa, connection->saddr, peer.len);
	return peer;
}

/*
 * Not OK makes evhtp close connection->sock and free the connection; with -1 in its place the
 * descriptor is ours. After on_accept the listener may be gone.
 */
static evhtp_res
on_pre_accept(evhtp_connection_t *connection, void *arg)
{
	struct listen *s = arg;
	struct address peer = peer_of(connection);
	int fd = connection->sock;

	connection->sock = -1;
	s->is_failing = false;
	(void)fcntl(fd, F_SETFD, FD_CLOEXEC);
	s->on_accept(fd, &peer, s->arg);
	return EVHTP_RES_FATAL;
}

/* The listener is readable as long as the connection waits: look away for a moment. */
static void
on_accept_error(struct evconnlistener *listener, void *arg)
{
	evhtp_t *evhtp = arg;
	struct listen *s = evhtp->arg;

	if (!s->is_failing)
		log_warn(NULL, "connections can't be accepted", log_cstr("error", strerror(errno)));
	s->is_failing = true;
	(void)evconnlistener_disable(listener);
	loop_timer_start(&s->accept_again, ACCEPT_WAIT_MS);
}

static void
on_accept_again(void *arg)
{
	struct listen *s = arg;

	if (!s->paused)
		(void)evconnlistener_enable(s->evhtp->server);
}

static void
remember_file(struct listen *s)
{
	struct sockaddr_un un;
	struct stat st;

	if (!address_is_unix(&s->address))
		return;
	memcpy(&un, &s->address.sa, sizeof(un));
	if (lstat(un.sun_path, &st) == 0) {
		s->file_dev = st.st_dev;
		s->file_ino = st.st_ino;
	}
}

bool
listen_can_be_reached(const struct listen *s)
{
	struct sockaddr_un un;
	struct stat st;

	if (!address_is_unix(&s->address))
		return true;
	memcpy(&un, &s->address.sa, sizeof(un));
	return lstat(un.sun_path, &st) == 0 && st.st_dev == s->file_dev && st.st_ino == s->file_ino;
}

/* Only the file that we made: another process may have replaced it. */
static void
remove_file(const struct listen *s)
{
	struct sockaddr_un un;

	if (s->file_ino == 0 || !listen_can_be_reached(s))
		return;
	memcpy(&un, &s->address.sa, sizeof(un));
	(void)unlink(un.sun_path);
}

struct listen *
listen_new(struct loop *l, const struct address *address, listen_accept_fn *on_accept, void *arg,
	   struct err *e)
{
	struct listen *s = calloc(1, sizeof(*s));

	if (s == NULL) {
		err_set(e, ERR_MEMORY, "no memory for a listener");
		return NULL;
	}
	s->on_accept = on_accept;
	s->arg = arg;
	loop_timer_init(&s->accept_again, l, on_accept_again, s);
	s->evhtp = evhtp_new(loop_event_base(l), s);
	if (s->evhtp == NULL) {
		err_set(e, ERR_MEMORY, "no memory for a listener");
		goto failed;
	}
	evhtp_set_pre_accept_cb(s->evhtp, on_pre_accept, s);
	if (!listen_bind(s->evhtp, address, &s->address, e))
		goto failed;
	remember_file(s);
	evconnlistener_set_error_cb(s->evhtp->server, on_accept_error);
	return s;

failed:
	listen_free(s);
	return NULL;
}

static void
take_waiting(struct listen *s)
{
	static const int on = 1;
	int listener = evconnlistener_get_fd(s->evhtp->server);

	for (int taken = 0; taken < BACKLOG && !s->paused; taken++) {
		struct address peer = {.len = sizeof(peer.sa)};
		int fd = accept4(listener, (struct sockaddr *)&peer.sa, &peer.len,
				 SOCK_NONBLOCK | SOCK_CLOEXEC);
		if (fd < 0)
			return;
		if (!address_is_unix(&s->address))
			(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
		s->on_accept(fd, &peer, s->arg);
	}
}

void
listen_free(struct listen *s)
{
	if (s == NULL)
		return;
	loop_timer_fini(&s->accept_again);
	remove_file(s);
	if (s->evhtp != NULL) {
		evhtp_unbind_socket(s->evhtp);
		evhtp_free(s->evhtp);
	}
	free(s);
}

/* Nothing else stands between the last accept and the close: what comes in this moment is lost. */
void
listen_free_gently(struct listen *s)
{
	if (s == NULL)
		return;
	remove_file(s);
	take_waiting(s);
	evhtp_unbind_socket(s->evhtp);
	s->file_ino = 0;
	listen_free(s);
}

void
listen_pause(struct listen *s)
{
	s->paused = true;
	(void)evconnlistener_disable(s->evhtp->server);
}

void
listen_resume(struct listen *s)
{
	s->paused = false;
	if (!loop_timer_is_running(&s->accept_again))
		(void)evconnlistener_enable(s->evhtp->server);
}

const struct address *
listen_address(const struct listen *s)
{
	return &s->address;
}
