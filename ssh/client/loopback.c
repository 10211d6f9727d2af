/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Few connections at a time, with requests of bounded length: any program on this computer can
 * connect, and browsers open connections that they do not use.
 */
#include "ssh/client/loopback.h"

#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/crypto/crypto_equal.h"
#include "base/process/fd.h"
#include "base/url.h"

#ifndef MSG_NOSIGNAL /* there, SIGPIPE is ignored */
#define MSG_NOSIGNAL 0
#endif

#define REQUEST_MAX 8192u
#define GUESTS_MAX  16u

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

	l->fd = socket(AF_INET, SOCK_STREAM, 0);
	if (l->fd < 0)
		return err_set_errno(e, errno, "socket");
	if (!fd_set_private(l->fd) || !fd_set_nonblocking(l->fd) ||
	    bind(l->fd, (const struct sockaddr *)&address, sizeof(address)) != 0 ||
	    listen(l->fd, 64) != 0 || getsockname(l->fd, (struct sockaddr *)&address, &len) != 0) {
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
	fd_close(l->fd);
	l->fd = -1;
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

static void
reply(int fd, bool ok)
{
	static const char good[] = PAGE("200 OK", "You can close this page and go back to the "
						  "terminal.");
	static const char bad[] = PAGE("400 Bad Request", "This is not the expected response.");

	(void)send(fd, ok ? good : bad, ok ? sizeof(good) - 1 : sizeof(bad) - 1,
		   MSG_NOSIGNAL | MSG_DONTWAIT);
	(void)shutdown(fd, SHUT_WR);
}

/* A connection whose request is not complete. */
struct guest {
	int fd; /* -1: none */
	uint64_t since_ms;
	struct buf in;
};

static void
end_guest(struct guest *g)
{
	if (g->fd < 0)
		return;
	close(g->fd);
	g->fd = -1;
	buf_wipe_fini(&g->in);
}

/* The one that has waited longest makes room. */
static void
accept_guest(const struct loopback *l, struct guest guests[GUESTS_MAX])
{
	int fd = accept(l->fd, NULL, NULL);
	struct guest *oldest = &guests[0];

	if (fd < 0)
		return;
	if (!fd_set_private(fd) || !fd_set_nonblocking(fd)) {
		close(fd);
		return;
	}
	for (size_t i = 0; i < GUESTS_MAX && oldest->fd >= 0; i++)
		if (guests[i].fd < 0 || guests[i].since_ms < oldest->since_ms)
			oldest = &guests[i];
	end_guest(oldest);
	*oldest = (struct guest){.fd = fd, .since_ms = clock_monotonic_ms()};
	buf_init(&oldest->in, REQUEST_MAX);
}

/* Reads what is there; a complete request is answered. */
static enum result
serve(const struct loopback *l, struct guest *g, char *code, size_t code_size)
{
	enum result result;
	char piece[1024];
	ssize_t n = recv(g->fd, piece, sizeof(piece), 0);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return RESULT_BAD;
	if (n <= 0 || !buf_add(&g->in, piece, (size_t)n)) {
		end_guest(g);
		return RESULT_BAD;
	}
	if (str_find(buf_view(&g->in), STR("\r\n\r\n")) == SIZE_MAX)
		return RESULT_BAD;
	result = take_code(l, buf_view(&g->in), code, code_size);
	reply(g->fd, result == RESULT_CODE);
	end_guest(g);
	return result;
}

/* Waits once, and serves those that have sent something. */
static enum result
serve_round(const struct loopback *l, struct guest guests[GUESTS_MAX], uint64_t wait_ms, char *code,
	    size_t code_size)
{
	struct pollfd fds[GUESTS_MAX + 1] = {[GUESTS_MAX] = {.fd = l->fd, .events = POLLIN}};
	enum result result = RESULT_BAD;

	for (size_t i = 0; i < GUESTS_MAX; i++)
		fds[i] = (struct pollfd){.fd = guests[i].fd, .events = POLLIN};
	if (poll(fds, GUESTS_MAX + 1, (int)wait_ms) <= 0)
		return RESULT_BAD;
	for (size_t i = 0; i < GUESTS_MAX && result == RESULT_BAD; i++)
		if (fds[i].revents != 0)
			result = serve(l, &guests[i], code, code_size);
	if (result == RESULT_BAD && fds[GUESTS_MAX].revents != 0)
		accept_guest(l, guests);
	return result;
}

bool
loopback_wait(const struct loopback *l, uint64_t deadline_ms, char *code, size_t code_size,
	      struct err *e)
{
	enum result result = RESULT_BAD;
	struct guest guests[GUESTS_MAX];
	uint64_t now_ms;

	for (size_t i = 0; i < GUESTS_MAX; i++)
		guests[i].fd = -1;
	while (result == RESULT_BAD && (now_ms = clock_monotonic_ms()) < deadline_ms)
		result = serve_round(l, guests, deadline_ms - now_ms, code, code_size);
	for (size_t i = 0; i < GUESTS_MAX; i++)
		end_guest(&guests[i]);
	if (result == RESULT_BAD)
		return err_set(e, ERR_TIMEOUT,
			       "the request was not confirmed in the browser in time");
	return result == RESULT_CODE ||
	       err_set(e, ERR_DENIED, "%s: another workspace sent the code, so it was not used",
		       l->issuer);
}
