/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CONNECT (RFC 9110 section 9.3.6). The proxy's response is read byte by byte, because the bytes
 * after it belong to the target.
 */
#include "base/http/proxy_tunnel.h"

#include <errno.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/crypto/crypto.h"
#include "base/http/proxy_environment.h"
#include "base/net/dial.h"

#define HEAD_MAX 8192u

#ifndef MSG_NOSIGNAL /* without it the caller ignores SIGPIPE */
#define MSG_NOSIGNAL 0
#endif

static bool
write_request(const struct raw_stream_target *target, const struct outgoing_proxy *p,
	      struct buf *out)
{
	bool is_ipv6 = strchr(target->host, ':') != NULL;
	struct buf name;

	buf_init(&name, PROXY_HOST_MAX + 16);
	buf_addf(&name, is_ipv6 ? "[%s]:%u" : "%s:%u", target->host, target->port);
	buf_addf(out, "CONNECT %.*s HTTP/1.1\r\nHost: %.*s\r\nUser-Agent: %s\r\n",
		 STR_FMT(buf_view(&name)), STR_FMT(buf_view(&name)), target->user_agent);
	if (p->login[0] != '\0') {
		buf_add_str(out, STR("Proxy-Authorization: Basic "));
		crypto_base64_encode(out, str_from(p->login));
		buf_add_str(out, STR("\r\n"));
	}
	buf_add_str(out, STR("\r\n"));
	bool ok = buf_is_ok(&name) && buf_is_ok(out);
	buf_fini(&name);
	return ok;
}

static bool
send_all(int fd, struct str data, uint64_t deadline_ms, struct err *e)
{
	while (data.len > 0) {
		ssize_t n = send(fd, data.data, data.len, MSG_NOSIGNAL);

		if (n >= 0)
			data = str_skip(data, (size_t)n);
		else if (errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR)
			return err_set_errno(e, errno, "CONNECT");
		else if (!dial_wait(fd, POLLOUT, deadline_ms, e))
			return false;
	}
	return true;
}

static bool
receive_head(int fd, struct buf *head, uint64_t deadline_ms, struct err *e)
{
	while (!str_ends_with(buf_view(head), STR("\r\n\r\n"))) {
		char byte;
		ssize_t n = recv(fd, &byte, 1, 0);

		if (n == 0)
			return err_set(e, ERR_PROXY, "it closed the connection");
		if (n < 0 && errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR)
			return err_set_errno(e, errno, "CONNECT");
		if (n < 0 && !dial_wait(fd, POLLIN, deadline_ms, e))
			return false;
		if (n > 0 && !buf_add_byte(head, byte))
			return err_set(e, ERR_PROXY, "its answer is too long");
	}
	return true;
}

static bool
check_head(struct str head, struct err *e)
{
	uint64_t status;

	if (!str_starts_with(head, STR("HTTP/1.")) ||
	    !str_to_u64(str_take(str_skip(head, strlen("HTTP/1.1 ")), 3), 100, 599, &status))
		return err_set(e, ERR_PROXY, "its response is not HTTP");
	if (status == 407)
		return err_set(e, ERR_PROXY, "it rejects the user or password (status 407)");
	return (status >= 200 && status < 300) ||
	       err_set(e, ERR_PROXY, "it refused the connection (status %u)", (unsigned)status);
}

static bool
ask_proxy(int fd, const struct raw_stream_target *target, const struct outgoing_proxy *p,
	  uint64_t deadline_ms, struct err *e)
{
	struct buf request;
	struct buf head;
	bool ok;

	buf_init(&request, HEAD_MAX);
	buf_init(&head, HEAD_MAX);
	ok = buf_reserve(&request, HEAD_MAX) && write_request(target, p, &request);
	if (!ok)
		err_set(e, ERR_MEMORY, "out of memory");
	ok = ok && send_all(fd, buf_view(&request), deadline_ms, e) &&
	     receive_head(fd, &head, deadline_ms, e) && check_head(buf_view(&head), e);
	buf_wipe_fini(&request);
	buf_fini(&head);
	return ok;
}

int
proxy_tunnel_dial(const struct raw_stream_target *target, uint64_t deadline_ms, struct err *e)
{
	struct outgoing_proxy p;
	int fd;

	if (!proxy_environment_find(target->host, &p, e))
		return -1;
	if (p.host[0] == '\0')
		return dial_tcp(target->host, target->port, deadline_ms, e);
	fd = dial_tcp(p.host, p.port, deadline_ms, e);
	if (fd >= 0 && !ask_proxy(fd, target, &p, deadline_ms, e)) {
		(void)close(fd);
		fd = -1;
	}
	if (fd < 0)
		(void)err_wrap(e, "outgoing proxy");
	return fd;
}
