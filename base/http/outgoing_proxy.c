/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads the environment, and sends CONNECT (RFC 9110 section 9.3.6) to proxies that speak plain
 * HTTP. Their response is read byte by byte, because the bytes after it belong to the target.
 */
#include "base/http/outgoing_proxy.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/crypto/crypto.h"
#include "base/net/cidr.h"
#include "base/net/dial.h"
#include "base/url.h"

#define DEFAULT_PORT 1080 /* as curl has it */
#define HEAD_MAX     8192u

#ifndef MSG_NOSIGNAL /* without it the caller ignores SIGPIPE */
#define MSG_NOSIGNAL 0
#endif

static const char *const proxy_variables[] = {"https_proxy", "HTTPS_PROXY", "all_proxy",
					      "ALL_PROXY"};
static const char *const exception_variables[] = {"no_proxy", "NO_PROXY"};

/* Finds the first variable that is set and not empty, and its name. */
static struct str
first_of(const char *const *names, size_t count, const char **name)
{
	for (size_t i = 0; i < count; i++) {
		const char *value = getenv(names[i]);

		if (value != NULL && value[0] != '\0') {
			*name = names[i];
			return str_trim(str_from(value));
		}
	}
	return STR_NONE;
}

/* Whether an entry of no_proxy matches the host: a domain with its subdomains, or an address, which
 * may have a prefix length. */
static bool
is_exception(struct str entry, struct str host)
{
	struct cidr_set networks = {.count = 0};

	if (str_equal(entry, STR("*")))
		return true;
	if (cidr_parse(&networks, entry, NULL))
		return cidr_contains_text(&networks, host);
	if (str_starts_with(entry, STR(".")))
		entry = str_skip(entry, 1);
	if (entry.len == 0 || !str_ends_with_nocase(host, entry))
		return false;
	return host.len == entry.len || host.data[host.len - entry.len - 1] == '.';
}

static bool
is_excepted(struct str host)
{
	const char *name;
	struct str rest = first_of(exception_variables, 2, &name);
	struct str part;

	while (rest.len > 0 && str_next(&rest, ',', &part)) {
		struct str entry;

		while (part.len > 0 && str_next(&part, ' ', &entry))
			if (is_exception(str_trim(entry), host))
				return true;
	}
	return false;
}

static bool
take_login(struct outgoing_proxy *p, struct str text)
{
	struct buf decoded;
	bool ok;

	buf_init(&decoded, sizeof(p->login) - 1);
	ok = url_decode(&decoded, text, false);
	if (ok && decoded.len > 0)
		memcpy(p->login, decoded.data, decoded.len);
	p->login[ok ? decoded.len : 0] = '\0';
	buf_wipe_fini(&decoded);
	return ok;
}

static size_t
find_last(struct str s, char byte)
{
	for (size_t i = s.len; i > 0; i--)
		if (s.data[i - 1] == byte)
			return i - 1;
	return SIZE_MAX;
}

static bool
parse(struct outgoing_proxy *p, struct str text)
{
	struct str scheme = STR("http://");
	struct str host;
	size_t at;

	if (str_starts_with_nocase(text, scheme))
		text = str_skip(text, scheme.len);
	else if (str_find(text, STR("://")) != SIZE_MAX)
		return false;
	text = str_take(text, str_find_byte(text, '/'));
	at = find_last(text, '@');
	if (at != SIZE_MAX && !take_login(p, str_take(text, at)))
		return false;
	if (at != SIZE_MAX)
		text = str_skip(text, at + 1);
	if (!url_split_authority(text, &host, &p->port) || host.len >= sizeof(p->host))
		return false;
	if (p->port == 0)
		p->port = DEFAULT_PORT;
	memcpy(p->host, host.data, host.len);
	p->host[host.len] = '\0';
	return true;
}

bool
outgoing_proxy_find(const char *host, struct outgoing_proxy *p, struct err *e)
{
	const char *name = "";
	struct str text = first_of(proxy_variables, 4, &name);

	*p = (struct outgoing_proxy){.port = 0};
	if (text.len == 0 || is_excepted(str_from(host)) || parse(p, text))
		return true;
	/* The message leaves out the value, which may contain a password. */
	return err_set(e, ERR_PROXY, "%s: expected a proxy such as http://proxy.example.com:3128",
		       name);
}

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
outgoing_proxy_dial(const struct raw_stream_target *target, uint64_t deadline_ms, struct err *e)
{
	struct outgoing_proxy p;
	int fd;

	if (!outgoing_proxy_find(target->host, &p, e))
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
