/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One request at a time, of bounded length and time: any program on this computer can connect.
 */
#include "ssh/client/loopback.h"

#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/crypto.h"
#include "base/url.h"

#define REQUEST_MAX 8192u
#define REQUEST_S   3

#define PAGE(status, text)                                                                         \
	"HTTP/1.1 " status "\r\nContent-Type: text/html; charset=utf-8\r\n"                        \
	"Cache-Control: no-store\r\nReferrer-Policy: no-referrer\r\n"                              \
	"Content-Security-Policy: default-src 'none'\r\nConnection: close\r\n\r\n"                 \
	"<!DOCTYPE html><title>workspace-proxy</title><p>" text "</p>\n"

bool
loopback_open(struct loopback *l, struct err *e)
{
	struct sockaddr_in address = {.sin_family = AF_INET,
				      .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof(address);

	l->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (l->fd < 0)
		return err_set_errno(e, errno, "socket");
	if (bind(l->fd, (const struct sockaddr *)&address, sizeof(address)) != 0 ||
	    listen(l->fd, 8) != 0 || getsockname(l->fd, (struct sockaddr *)&address, &len) != 0) {
		err_set_errno(e, errno, "a port on 127.0.0.1");
		loopback_close(l);
		return false;
	}
	l->port = ntohs(address.sin_port);
	return true;
}

void
loopback_close(struct loopback *l)
{
	if (l->fd >= 0)
		close(l->fd);
	l->fd = -1;
}

/* Up to the end of the head. */
static bool
read_request(int fd, struct buf *in)
{
	const struct timeval limit = {.tv_sec = REQUEST_S};
	uint64_t deadline_ms = clock_monotonic_ms() + REQUEST_S * 1000u;
	char piece[1024];

	(void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	(void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
	while (str_find(buf_view(in), STR("\r\n\r\n")) == SIZE_MAX) {
		ssize_t n = recv(fd, piece, sizeof(piece), 0);

		if (n <= 0 || clock_monotonic_ms() > deadline_ms || !buf_add(in, piece, (size_t)n))
			return false;
	}
	return true;
}

enum result { RESULT_CODE, RESULT_OTHER_ISSUER, RESULT_BAD };

/* Another workspace could send the browser on to the issuer's page, and would get the issuer's code
 * from us (RFC 9700 section 4.4). */
static bool
is_from_issuer(struct str query, const char *issuer)
{
	struct str value;
	struct buf text;
	bool ok;

	buf_init(&text, REQUEST_MAX);
	ok = url_query_find(query, STR("iss"), &value) == 1 && url_decode(&text, value, true) &&
	     str_equal(buf_view(&text), str_from(issuer));
	buf_fini(&text);
	return ok;
}

static enum result
take_code(const struct loopback *l, struct str request, char *code, size_t code_size)
{
	struct str start = STR("GET /?");
	struct str query = str_skip(request, start.len);
	struct str value;

	query = str_take(query, str_find_byte(query, ' '));
	if (!str_starts_with(request, start) || url_query_find(query, STR("state"), &value) != 1 ||
	    !crypto_equal(value, str_from(l->state)) ||
	    url_query_find(query, STR("code"), &value) != 1 || value.len == 0 ||
	    value.len >= code_size)
		return RESULT_BAD;
	if (!is_from_issuer(query, l->issuer))
		return RESULT_OTHER_ISSUER;
	memcpy(code, value.data, value.len);
	code[value.len] = '\0';
	return RESULT_CODE;
}

static enum result
serve(const struct loopback *l, int fd, char *code, size_t code_size)
{
	static const char good[] = PAGE("200 OK", "You can close this page and go back to the "
						  "terminal.");
	static const char bad[] = PAGE("400 Bad Request", "This is not what was waited for.");
	enum result result = RESULT_BAD;
	struct buf in;

	buf_init(&in, REQUEST_MAX);
	if (read_request(fd, &in))
		result = take_code(l, buf_view(&in), code, code_size);
	bool ok = result == RESULT_CODE;
	(void)send(fd, ok ? good : bad, ok ? sizeof(good) - 1 : sizeof(bad) - 1, MSG_NOSIGNAL);
	(void)shutdown(fd, SHUT_WR);
	buf_wipe_fini(&in);
	return result;
}

bool
loopback_wait(const struct loopback *l, uint64_t deadline_ms, char *code, size_t code_size,
	      struct err *e)
{
	for (;;) {
		uint64_t now_ms = clock_monotonic_ms();
		struct pollfd wait = {.fd = l->fd, .events = POLLIN};
		int fd;

		if (now_ms >= deadline_ms)
			return err_set(e, ERR_TIMEOUT, "nobody let this computer in in time");
		if (poll(&wait, 1, (int)(deadline_ms - now_ms)) <= 0)
			continue;
		fd = accept4(l->fd, NULL, NULL, SOCK_CLOEXEC);
		if (fd < 0)
			continue;
		enum result result = serve(l, fd, code, code_size);
		close(fd);
		if (result == RESULT_CODE)
			return true;
		if (result == RESULT_OTHER_ISSUER)
			return err_set(e, ERR_DENIED,
				       "%s: another workspace let this computer in, whose code "
				       "was not used",
				       l->issuer);
	}
}
