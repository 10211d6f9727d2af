/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Binds sockets, and checks those that were passed.
 */
#include "base/net/listen_socket.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/process/fd.h"

static const struct sockaddr *
sockaddr_of(const struct address *a)
{
	return (const struct sockaddr *)&a->sa;
}

/* Removes a socket file without a listener. Other files are not removed. */
static bool
remove_stale_file(const struct address *a, struct err *e)
{
	struct sockaddr_un un;
	struct stat st;

	memcpy(&un, &a->sa, sizeof(un));
	if (lstat(un.sun_path, &st) != 0)
		return errno == ENOENT ? true : err_set_errno(e, errno, "%s", un.sun_path);
	if (!S_ISSOCK(st.st_mode))
		return err_set(e, ERR_SYSTEM, "%s: exists and is not a socket", un.sun_path);

	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return err_set_errno(e, errno, "%s: socket", un.sun_path);
	bool is_stale = connect(fd, sockaddr_of(a), a->len) != 0 && errno == ECONNREFUSED;
	close(fd);
	if (!is_stale)
		return err_set(e, ERR_SYSTEM, "%s: in use by another process", un.sun_path);
	if (unlink(un.sun_path) != 0)
		return err_set_errno(e, errno, "%s: remove", un.sun_path);
	return true;
}

static bool
is_wildcard(const struct ip *ip)
{
	static const uint8_t zero[IP_BYTES];

	return memcmp(ip_own_bytes(ip), zero, ip->is_ipv4 ? 4 : IP_BYTES) == 0;
}

static bool
set_tcp_options(int fd, const struct ip *ip)
{
	const int on = 1;
	const int v6_only = !is_wildcard(ip);

	return (ip->is_ipv4 ||
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &v6_only, sizeof(v6_only)) == 0) &&
	       setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) == 0 &&
	       setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on)) == 0 &&
	       setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)) == 0;
}

/* Returns a bound socket, or -1 with errno. */
static int
try_bind(const struct address *a)
{
	struct ip ip;
	int fd = socket(a->sa.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0)
		return -1;
	if ((!address_get_ip(a, &ip) || set_tcp_options(fd, &ip)) &&
	    bind(fd, sockaddr_of(a), a->len) == 0)
		return fd;
	fd_close(fd); /* keeps errno */
	return -1;
}

int
listen_socket_bind(const struct address *wanted, struct err *e)
{
	static const uint8_t ipv4_wildcard[4];
	char text[ADDRESS_TEXT_MAX];
	struct address a = *wanted;
	struct ip ip;

	if (address_is_unix(&a) && !remove_stale_file(&a, e))
		return -1;
	int fd = try_bind(&a);
	/* Use IPv4 if the kernel has no IPv6. */
	if (fd < 0 && (errno == EAFNOSUPPORT || errno == EADDRNOTAVAIL) &&
	    address_get_ip(&a, &ip) && !ip.is_ipv4 && is_wildcard(&ip)) {
		ip_from_bytes(&ip, ipv4_wildcard, true);
		address_set_ip(&a, &ip, address_port(wanted));
		fd = try_bind(&a);
	}
	if (fd < 0) {
		int errno_value = errno;

		address_format(wanted, text, sizeof(text));
		err_set_errno(e, errno_value, "listen on %s", text);
	}
	return fd;
}

bool
listen_socket_adopt(int fd, struct err *e)
{
	int value = 0;
	socklen_t len = sizeof(value);

	if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &value, &len) != 0)
		return err_set_errno(e, errno, "descriptor %d", fd);
	if (value != SOCK_STREAM)
		return err_set(e, ERR_CONFIG, "descriptor %d is not a stream socket", fd);
	if (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &value, &len) != 0 || value == 0)
		return err_set(e, ERR_CONFIG, "descriptor %d does not listen", fd);
	if (!fd_set_nonblocking(fd) || !fd_set_private(fd))
		return err_set_errno(e, errno, "descriptor %d", fd);
	return true;
}

bool
listen_socket_address(int fd, struct address *bound, struct err *e)
{
	*bound = (struct address){.len = sizeof(bound->sa)};
	if (getsockname(fd, (struct sockaddr *)&bound->sa, &bound->len) != 0)
		return err_set_errno(e, errno, "address of descriptor %d", fd);
	return true;
}
