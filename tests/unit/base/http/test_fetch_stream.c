/* SPDX-License-Identifier: Apache-2.0 */
/*
 * base/http/fetch_stream against tests/unit/base/http/fetch_server.py: what is sent, answers in
 * pieces, every deadline, every way in which a peer breaks off, certificates.
 */
#include "base/http/fetch_stream.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "tests/unit/base/http/fetch_server.h"

static int
setup_all(void **state)
{
	(void)state;
	server_setup("IP:127.0.0.1", "IP:127.0.0.1");
	return 0;
}

static int
teardown_all(void **state)
{
	(void)state;
	server_teardown();
	return 0;
}

#define PATIENCE_MS 60000 /* for what only a fault makes long */

static struct fetch_stream *
new_stream(uint64_t stall_timeout_ms, int cancel_fd)
{
	static struct certs_path ca;
	struct fetch_stream_options options = {.user_agent = "test/1",
					       .connect_timeout_ms = PATIENCE_MS,
					       .stall_timeout_ms = stall_timeout_ms,
					       .cancel_fd = cancel_fd};
	struct err e = ERR_INIT;
	struct fetch_stream *s;

	ca = certs_path(&certs, "ca.pem");
	options.ca_file = ca.text;
	s = fetch_stream_new(&options, &e);
	assert_non_null(s);
	return s;
}

/* Opens scheme://127.0.0.1:port/path. */
static bool
open_path(struct fetch_stream *s, unsigned port, const char *path, struct fetch_stream_head *head,
	  struct err *e)
{
	char url[128];
	const struct fetch_stream_request request = {.url = url};

	snprintf(url, sizeof(url), "%s://127.0.0.1:%u%s", port == plain_port ? "http" : "https",
		 port, path);
	*head = (struct fetch_stream_head){.status = 0};
	*e = ERR_INIT;
	return fetch_stream_open(s, &request, head, e);
}

/* Reads to the end, or this many bytes; the caller frees them. */
static bool
read_all(struct fetch_stream *s, size_t max, struct buf *out, struct err *e)
{
	char piece[1000];
	size_t len = 1;

	buf_init(out, 64u << 20);
	while (len > 0 && out->len < max) {
		if (!fetch_stream_read(s, piece, sizeof(piece), &len, e))
			return false;
		assert_true(buf_add(out, piece, len));
	}
	return true;
}

static void
expect_body(struct fetch_stream *s, const char *text)
{
	struct err e = ERR_INIT;
	struct buf body;

	assert_true(read_all(s, SIZE_MAX, &body, &e));
	if (!str_equal(buf_view(&body), str_from(text)))
		fail_msg("'%.*s'", STR_FMT(buf_view(&body)));
	buf_fini(&body);
}

static void
test_answers(void **state)
{
	struct fetch_stream *s = new_stream(PATIENCE_MS, -1);
	struct fetch_stream_head head;
	struct err e;
	char location[64];

	(void)state;
	assert_true(open_path(s, plain_port, "/ok", &head, &e));
	assert_int_equal(head.status, 200);
	assert_true(str_equal(head.content_type, STR("application/json")));
	expect_body(s, "{\"a\":1}");
	assert_true(open_path(s, tls_port, "/ok", &head, &e));
	expect_body(s, "{\"a\":1}");
	assert_true(open_path(s, plain_port, "/none", &head, &e));
	assert_int_equal(head.status, 204);
	expect_body(s, "");
	assert_true(open_path(s, plain_port, "/busy", &head, &e));
	assert_int_equal(head.status, 503);
	assert_int_equal(head.retry_after_ms, 17000);
	assert_true(open_path(s, plain_port, "/patient", &head, &e));
	assert_int_equal(head.retry_after_ms, 86400000);
	assert_true(open_path(s, plain_port, "/redirect", &head, &e));
	assert_int_equal(head.status, 302);
	snprintf(location, sizeof(location), "http://127.0.0.1:%u/ok", plain_port);
	assert_true(str_equal(head.location, str_from(location)));
	/* The redirect is handled before its body has arrived, as over HTTP/2. */
	assert_true(open_path(s, plain_port, "/redirect-late", &head, &e));
	assert_int_equal(head.status, 302);
	snprintf(location, sizeof(location), "http://127.0.0.1:%u/ok?a=b", plain_port);
	assert_true(str_equal(head.location, str_from(location)));
	fetch_stream_free(s);
}

static void
test_request_headers(void **state)
{
	struct fetch_stream *s = new_stream(PATIENCE_MS, -1);
	struct secret *password = secret_from_str(STR("pass:word"));
	struct fetch_stream_head head;
	struct err e = ERR_INIT;
	struct buf body;
	char url[64];
	const struct fetch_stream_request request = {
		.url = url,
		.accept = "a/b",
		.content_type = "c/d",
		.body = STR("the body"),
		.user = "oauth2",
		.password = password,
	};

	(void)state;
	snprintf(url, sizeof(url), "http://127.0.0.1:%u/echo", plain_port);
	assert_true(fetch_stream_open(s, &request, &head, &e));
	assert_true(read_all(s, SIZE_MAX, &body, &e));
	buf_add_byte(&body, '\0');
	assert_memory_equal(body.data, "POST /echo HTTP/1.1\r\n", 21);
	assert_non_null(strstr(body.data, "\r\nAuthorization: Basic b2F1dGgyOnBhc3M6d29yZA==\r\n"));
	assert_non_null(strstr(body.data, "\r\nUser-Agent: test/1\r\n"));
	assert_non_null(strstr(body.data, "\r\nAccept: a/b\r\n"));
	assert_non_null(strstr(body.data, "\r\nContent-Type: c/d\r\n"));
	assert_null(strstr(body.data, "Expect"));
	assert_non_null(strstr(body.data, "\r\n\r\nthe body"));
	buf_fini(&body);
	/* Nothing is left for the next request. */
	assert_true(open_path(s, plain_port, "/echo", &head, &e));
	assert_true(read_all(s, SIZE_MAX, &body, &e));
	buf_add_byte(&body, '\0');
	assert_memory_equal(body.data, "GET /echo HTTP/1.1\r\n", 20);
	assert_null(strstr(body.data, "Authorization"));
	assert_null(strstr(body.data, "Content-Type"));
	buf_fini(&body);
	secret_free(password);
	fetch_stream_free(s);
}

static void
test_connection_is_kept(void **state)
{
	struct fetch_stream *s = new_stream(PATIENCE_MS, -1);
	struct fetch_stream_head head;
	struct buf first;
	struct buf second;
	struct err e;

	(void)state;
	assert_true(open_path(s, tls_port, "/connections", &head, &e));
	assert_true(read_all(s, SIZE_MAX, &first, &e));
	assert_true(open_path(s, tls_port, "/connections", &head, &e));
	assert_true(read_all(s, SIZE_MAX, &second, &e));
	assert_true(str_equal(buf_view(&first), buf_view(&second)));
	buf_fini(&first);
	buf_fini(&second);
	fetch_stream_free(s);
}

/* Reads more than is buffered, and starts another request before the end. */
static void
test_long_answer_in_pieces(void **state)
{
	struct fetch_stream *s = new_stream(PATIENCE_MS, -1);
	struct fetch_stream_head head;
	struct buf body;
	struct err e;

	(void)state;
	assert_true(open_path(s, tls_port, "/chunks", &head, &e));
	assert_true(read_all(s, 5000000, &body, &e));
	for (size_t i = 0; i < body.len; i++)
		assert_int_equal(body.data[i], 'x');
	buf_fini(&body);
	assert_true(open_path(s, plain_port, "/ok", &head, &e));
	expect_body(s, "{\"a\":1}");
	fetch_stream_free(s);
}

static void
expect_failure(const char *path, uint64_t stall_timeout_ms, bool in_body, enum err_code code,
	       const char *text)
{
	struct fetch_stream *s = new_stream(stall_timeout_ms, -1);
	struct fetch_stream_head head;
	struct buf body = {.data = NULL};
	struct err e;

	if (in_body) {
		assert_true(open_path(s, plain_port, path, &head, &e));
		assert_false(read_all(s, SIZE_MAX, &body, &e));
		buf_fini(&body);
	} else {
		assert_false(open_path(s, plain_port, path, &head, &e));
	}
	assert_string_equal(e.text, text);
	assert_int_equal(e.code, code);
	fetch_stream_free(s);
}

static void
test_failures(void **state)
{
	static const char closed[] =
		"127.0.0.1: the connection was closed before the response was complete";

	(void)state;
	expect_failure("/silent", 150, false, ERR_TIMEOUT, "no data from 127.0.0.1 for 150 ms");
	expect_failure("/stall", 2000, true, ERR_TIMEOUT, "no data from 127.0.0.1 for 2000 ms");
	expect_failure("/cut", PATIENCE_MS, true, ERR_CONNECT, closed);
	expect_failure("/reset", PATIENCE_MS, true, ERR_CONNECT, closed);
	expect_failure("/vanish", PATIENCE_MS, false, ERR_CONNECT, closed);
	expect_failure("/heads", PATIENCE_MS, false, ERR_LIMIT,
		       "127.0.0.1: the answer's head is too large");
	expect_failure("/garbage", PATIENCE_MS, false, ERR_PROTOCOL,
		       "127.0.0.1: Unsupported protocol");
}

static void
test_total_deadline(void **state)
{
	struct fetch_stream *s = new_stream(PATIENCE_MS, -1);
	struct fetch_stream_head head;
	struct buf body;
	struct err e = ERR_INIT;
	char url[64];
	const struct fetch_stream_request request = {.url = url, .total_timeout_ms = 2000};

	(void)state;
	snprintf(url, sizeof(url), "http://127.0.0.1:%u/drip", plain_port);
	assert_true(fetch_stream_open(s, &request, &head, &e));
	assert_false(read_all(s, SIZE_MAX, &body, &e));
	assert_int_equal(e.code, ERR_TIMEOUT);
	assert_true(body.len > 1);
	buf_fini(&body);
	fetch_stream_free(s);
}

static void
test_cancelled(void **state)
{
	int fd = eventfd(1, EFD_CLOEXEC);
	struct fetch_stream *s = new_stream(10000, fd);
	struct fetch_stream_head head;
	struct err e;

	(void)state;
	assert_false(open_path(s, plain_port, "/silent", &head, &e));
	assert_int_equal(e.code, ERR_CANCELLED);
	fetch_stream_free(s);
	close(fd);
}

static void
test_connections_that_fail(void **state)
{
	struct fetch_stream *s = new_stream(PATIENCE_MS, -1);
	const struct fetch_stream_options wrong = {.ca_file = "/nonexistent", .cancel_fd = -1};
	struct sockaddr_storage address;
	socklen_t len = sizeof(address);
	struct fetch_stream_head head;
	struct err e;
	char url[64];
	const struct fetch_stream_request request = {.url = url};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct sockaddr_in in = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};

	(void)state;
	assert_false(open_path(s, other_port, "/ok", &head, &e));
	assert_int_equal(e.code, ERR_TLS);
	snprintf(url, sizeof(url), "https://localhost:%u/ok", tls_port);
	assert_false(fetch_stream_open(s, &request, &head, &e));
	assert_int_equal(e.code, ERR_TLS);
	/* The port is bound, but no process listens. */
	assert_int_equal(bind(fd, (struct sockaddr *)&in, sizeof(in)), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &len), 0);
	snprintf(url, sizeof(url), "http://127.0.0.1:%u/ok",
		 ntohs(((struct sockaddr_in *)&address)->sin_port));
	assert_false(fetch_stream_open(s, &request, &head, &e));
	assert_int_equal(e.code, ERR_CONNECT);
	assert_string_equal(e.text, "127.0.0.1: connect: Connection refused");
	snprintf(url, sizeof(url), "file:///etc/passwd");
	assert_false(fetch_stream_open(s, &request, &head, &e));
	snprintf(url, sizeof(url), "http://user@127.0.0.1:%u/ok", plain_port);
	assert_false(fetch_stream_open(s, &request, &head, &e));
	close(fd);
	fetch_stream_free(s);
	assert_null(fetch_stream_new(&wrong, &e));
}

/* Operators set these variables; for http only the lower-case name counts. */
/* A host is refused by its address, whatever its name is. */
static void
test_refused_addresses(void **state)
{
	static const char *const hosts[] = {"localhost", "127.0.0.1"};
	struct fetch_stream *s = new_stream(PATIENCE_MS, -1);
	struct fetch_stream_head head;
	struct cidr_set refused;
	struct err e = ERR_INIT;
	char url[64];

	(void)state;
	assert_true(cidr_parse(&refused, STR(CIDR_LOCAL), &e));
	for (size_t i = 0; i < 2; i++) {
		const struct fetch_stream_request request = {.url = url, .refused = &refused};

		snprintf(url, sizeof(url), "http://%s:%u/ok", hosts[i], plain_port);
		assert_false(fetch_stream_open(s, &request, &head, &e));
		assert_int_equal(e.code, ERR_DENIED);
		assert_non_null(strstr(e.text, "local or reserved address"));
		assert_true(open_path(s, plain_port, "/ok", &head, &e));
	}
	fetch_stream_free(s);
}

static void
test_proxy_of_the_environment(void **state)
{
	struct fetch_stream *s;
	const struct fetch_stream_request request = {.url = "http://name.invalid/echo"};
	struct fetch_stream_head head;
	struct buf body;
	struct err e = ERR_INIT;
	char proxy[64];

	(void)state;
	snprintf(proxy, sizeof(proxy), "http://127.0.0.1:%u", plain_port);
	setenv("http_proxy", proxy, 1);
	s = new_stream(PATIENCE_MS, -1);
	assert_true(fetch_stream_open(s, &request, &head, &e));
	assert_true(read_all(s, 30, &body, &e));
	assert_memory_equal(body.data, "GET http://name.invalid/echo ", 29);
	buf_fini(&body);
	unsetenv("http_proxy");
	fetch_stream_free(s);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_answers),
		cmocka_unit_test(test_request_headers),
		cmocka_unit_test(test_connection_is_kept),
		cmocka_unit_test(test_long_answer_in_pieces),
		cmocka_unit_test(test_failures),
		cmocka_unit_test(test_total_deadline),
		cmocka_unit_test(test_cancelled),
		cmocka_unit_test(test_connections_that_fail),
		cmocka_unit_test(test_refused_addresses),
		cmocka_unit_test(test_proxy_of_the_environment),
	};

	return cmocka_run_group_tests(tests, setup_all, teardown_all);
}
