/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Listening sockets by libevhtp, which accepts; the pre_accept hook takes each descriptor away
 * before a parser exists. Sockets are bound by base/net/listen_socket, or passed to this process.
 */
#include "base/net/listen.h"

#include <errno.h>
#include <evhtp/evhtp.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log/log.h"
#include "base/net/listen_socket.h"

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
	bool is_passed;	 /* another process has the socket as well, and owns its file */
	dev_t file_dev;	 /* of a unix socket's file */
	ino_t file_ino;
};

static bool
bind_listener(struct listen *s, const struct address *wanted, int passed_fd, struct err *e)
{
	int fd = passed_fd >= 0 ? passed_fd : listen_socket_bind(wanted, e);

	if (fd < 0)
		return false;
	if (evhtp_accept_socket(s->evhtp, fd, BACKLOG) != 0) {
		err_set_errno(e, errno, "listen");
		close(fd);
		return false;
	}
	if (!listen_socket_address(fd, &s->address, e))
		return false;
	/* The kernel counts a unix socket's path without its NUL. */
	if (address_is_unix(wanted) && passed_fd < 0)
		s->address = *wanted;
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

/* Not OK makes evhtp close connection->sock and free the connection; with -1 in its place the
 * descriptor is ours. After on_accept the listener may be gone. */
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

	if (s->is_passed || s->file_ino == 0 || !listen_can_be_reached(s))
		return;
	memcpy(&un, &s->address.sa, sizeof(un));
	(void)unlink(un.sun_path);
}

static struct listen *
out_of_memory(int passed_fd, struct err *e)
{
	if (passed_fd >= 0)
		(void)close(passed_fd);
	err_set(e, ERR_MEMORY, "out of memory for a listener");
	return NULL;
}

struct listen *
listen_new(struct loop *l, const struct address *address, int passed_fd,
	   listen_accept_fn *on_accept, void *arg, struct err *e)
{
	struct listen *s = calloc(1, sizeof(*s));

	if (s == NULL)
		return out_of_memory(passed_fd, e);
	s->is_passed = passed_fd >= 0;
	s->on_accept = on_accept;
	s->arg = arg;
	loop_timer_init(&s->accept_again, l, on_accept_again, s);
	s->evhtp = evhtp_new(loop_event_base(l), s);
	if (s->evhtp == NULL) {
		listen_free(s);
		return out_of_memory(passed_fd, e);
	}
	evhtp_set_pre_accept_cb(s->evhtp, on_pre_accept, s);
	if (!bind_listener(s, address, passed_fd, e)) {
		listen_free(s);
		return NULL;
	}
	remember_file(s);
	evconnlistener_set_error_cb(s->evhtp->server, on_accept_error);
	return s;
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

/* Closes at once after the last accept: a connection that arrives between the two is lost. */
void
listen_free_after_backlog(struct listen *s)
{
	if (s == NULL)
		return;
	remove_file(s);
	/* What waits in a passed socket is for the next process. */
	if (!s->is_passed)
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
