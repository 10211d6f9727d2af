/* SPDX-License-Identifier: Apache-2.0 */
/*
 * base/http/fetch against tests/unit/base/http/fetch_server.py, one call at a time: what is sent,
 * every bound, every way in which a peer breaks off, every timeout, and certificates. Calls that
 * meet each other are in test_fetch_calls.c.
 */
#include "base/clock.h"
#include "base/process/fd.h"
#include "tests/unit/base/http/fetch_support.h"

static void
assert_fails(struct fixture *f, const char *url, enum err_code code, const char *words)
{
	struct outcome *o = get(f, url);

	assert_false(o->has_response);
	if (o->e.code != code || strstr(o->e.text, words) == NULL)
		fail_msg("%s: %s (%d)", url, o->e.text, (int)o->e.code);
	assert_null(strstr(o->e.text, "canary"));
	free(o);
}

static void
test_answers(void **state)
{
	struct fixture *f = *state;
	struct outcome *o = get(f, plain("/ok"));

	assert_int_equal(o->status, 200);
	assert_string_equal(o->body, "{\"a\":1}");
	assert_string_equal(o->content_type, "application/json");
	assert_true(o->request_sent);
	free(o);

	o = get(f, plain("/none"));
	assert_int_equal(o->status, 204);
	assert_int_equal(o->body_len, 0);
	assert_string_equal(o->content_type, "");
	free(o);

	o = get(f, plain("/redirect"));
	assert_int_equal(o->status, 302);
	free(o);

	o = get(f, plain("/busy"));
	assert_int_equal(o->status, 503);
	assert_int_equal(o->retry_after_s, 17);
	free(o);

	o = get(f, plain("/patient"));
	assert_int_equal(o->retry_after_s, 86400);
	free(o);
}

static void
test_request_as_asked(void **state)
{
	struct fixture *f = *state;
	struct secret *token = secret_from_str(STR("glpat-canary"));
	struct outcome *o = start(f, (struct fetch_request){
					     .method = "POST",
					     .url = plain("/echo?a=b"),
					     .accept = "application/json",
					     .content_type = "application/x-www-form-urlencoded",
					     .body = STR("c=d&e=f"),
					     .bearer = token,
					     .header = "X-More: yes",
				     });

	secret_free(token);
	run(f);
	assert_int_equal(o->status, 200);
	assert_non_null(strstr(o->body, "POST /echo?a=b HTTP/1.1\r\n"));
	assert_non_null(strstr(o->body, "\r\nAccept: application/json\r\n"));
	assert_non_null(strstr(o->body, "\r\nContent-Type: application/x-www-form-urlencoded\r\n"));
	assert_non_null(strstr(o->body, "\r\nAuthorization: Bearer glpat-canary\r\n"));
	assert_non_null(strstr(o->body, "\r\nX-More: yes\r\n"));
	assert_non_null(strstr(o->body, "\r\nUser-Agent: test/1\r\n"));
	assert_non_null(strstr(o->body, "\r\nContent-Length: 7\r\n"));
	assert_non_null(strstr(o->body, "\r\n\r\nc=d&e=f"));
	assert_null(strstr(o->body, "Expect"));
	assert_null(strstr(o->body, "Accept-Encoding"));
	free(o);
}

static void
test_refused_requests(void **state)
{
	static const char *const urls[] = {"file:///etc/passwd", "ftp://127.0.0.1/", "nonsense",
					   "http://user:canary@127.0.0.1/", ""};
	struct fixture *f = *state;
	struct secret *token = secret_from_str(STR("a\r\nX-Evil: 1"));
	struct err e = ERR_INIT;

	for (size_t i = 0; i < sizeof(urls) / sizeof(urls[0]); i++) {
		struct fetch_request request = {.method = "GET", .url = urls[i]};
		assert_null(fetch_start(f->fetch, &request, on_done, NULL, &e));
		assert_int_not_equal(e.code, ERR_NONE);
		assert_null(strstr(e.text, "canary"));
	}
	struct fetch_request request = {.method = "GET", .url = plain("/ok"), .bearer = token};
	assert_null(fetch_start(f->fetch, &request, on_done, NULL, &e));
	assert_int_equal(e.code, ERR_INPUT);
	secret_free(token);
}

static void
test_bounds_of_answers(void **state)
{
	struct fixture *f = *state;

	assert_fails(f, plain("/large?canary"), ERR_LIMIT, "127.0.0.1: the answer is too large");
	assert_fails(f, plain("/chunks"), ERR_LIMIT, "too large");
	assert_fails(f, plain("/heads"), ERR_LIMIT, "too large");
	assert_fails(f, plain("/continue"), ERR_LIMIT, "too large");
}

static void
test_broken_answers(void **state)
{
	struct fixture *f = *state;

	assert_fails(f, plain("/reset?canary"), ERR_CONNECT, "closed before the answer");
	assert_fails(f, plain("/cut"), ERR_CONNECT, "closed before the answer");
	assert_fails(f, plain("/vanish"), ERR_CONNECT, "closed before the answer");
	assert_fails(f, plain("/garbage"), ERR_PROTOCOL, "127.0.0.1: ");
	assert_fails(f, url_of("http", "127.0.0.1", tls_port, "/ok"), ERR_CONNECT, "127.0.0.1: ");
}

static void
assert_timeout(struct fixture *f, const char *path, uint64_t least_ms)
{
	uint64_t start_ms = clock_monotonic_ms();

	assert_fails(f, plain(path), ERR_TIMEOUT, "127.0.0.1: no complete answer in time");
	assert_true(clock_monotonic_ms() - start_ms >= least_ms);
	assert_true(clock_monotonic_ms() - start_ms < PATIENCE_MS / 2);
}

static void
test_total_timeout(void **state)
{
	struct fixture *f = *state;
	struct fetch_options options = usual_options;

	options.total_timeout_ms = 300;
	open_client(f, options);
	assert_timeout(f, "/silent?canary", 300);
	assert_timeout(f, "/drip", 300);
}

static void
test_stall_timeout(void **state)
{
	struct fixture *f = *state;
	struct fetch_options options = usual_options;

	options.stall_timeout_ms = 400;
	open_client(f, options);
	assert_timeout(f, "/stall", 400);
	assert_timeout(f, "/silent", 400);
}

static void
test_nobody_listens(void **state)
{
	struct fixture *f = *state;
	struct sockaddr_in in = {.sin_family = AF_INET};
	socklen_t len = sizeof(in);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	/* Bound without listening, so that no other process can use the port. */
	in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert_int_equal(bind(fd, (struct sockaddr *)&in, sizeof(in)), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&in, &len), 0);
	struct outcome *o = get(f, url_of("http", "good.test", ntohs(in.sin_port), "/?canary"));
	assert_false(o->has_response);
	assert_false(o->request_sent);
	assert_int_equal(o->e.code, ERR_CONNECT);
	assert_string_equal(o->e.text, "good.test: connect: Connection refused");
	free(o);
	close(fd);
	assert_fails(f, "http://missing.test/", ERR_CONNECT,
		     "missing.test: the name can't be resolved");
}

/* libcurl's message has the address without brackets. */
static void
test_nobody_listens_at_an_ipv6_address(void **state)
{
	struct fixture *f = *state;
	struct sockaddr_in6 in = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
	socklen_t len = sizeof(in);
	int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || bind(fd, (struct sockaddr *)&in, sizeof(in)) != 0) {
		fd_close(fd);
		skip();
	}
	assert_int_equal(getsockname(fd, (struct sockaddr *)&in, &len), 0);
	assert_fails(f, url_of("http", "[::1]", ntohs(in.sin6_port), "/"), ERR_CONNECT,
		     "[::1]: connect: Connection refused");
	close(fd);
}

/* Errors of the outgoing proxy are not attributed to the host. */
static void
test_proxies_of_the_environment(void **state)
{
	struct fixture *f = *state;
	struct sockaddr_in in = {.sin_family = AF_INET};
	socklen_t len = sizeof(in);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	char address[64];

	in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert_int_equal(bind(fd, (struct sockaddr *)&in, sizeof(in)), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&in, &len), 0);
	(void)snprintf(address, sizeof(address), "http://127.0.0.1:%u", ntohs(in.sin_port));
	setenv("https_proxy", address, 1);
	struct outcome *o = get(f, "https://good.test/?canary");
	assert_false(o->request_sent);
	assert_string_equal(o->e.text, "outgoing proxy: connect: Connection refused");
	free(o);
	(void)snprintf(address, sizeof(address), "http://127.0.0.1:%u", plain_port);
	setenv("https_proxy", address, 1);
	o = get(f, "https://needs-password.test/?canary");
	assert_false(o->request_sent);
	assert_string_equal(o->e.text, "outgoing proxy: needs-password.test refused with status "
				       "407 (it requires a user and password)");
	free(o);
	setenv("no_proxy", "missing.test", 1);
	assert_fails(f, "https://missing.test/", ERR_CONNECT,
		     "missing.test: the name can't be resolved");
	unsetenv("https_proxy");
	unsetenv("no_proxy");
	close(fd);
}

/* The kernel completes the connection, and the handshake is not answered. */
static void
test_connect_timeout(void **state)
{
	struct fixture *f = *state;
	struct fetch_options options = usual_options;
	struct sockaddr_in in = {.sin_family = AF_INET};
	socklen_t len = sizeof(in);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert_int_equal(bind(fd, (struct sockaddr *)&in, sizeof(in)), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&in, &len), 0);
	assert_int_equal(listen(fd, 5), 0);
	options.connect_timeout_ms = 200;
	open_client(f, options);
	struct outcome *o = get(f, url_of("https", "good.test", ntohs(in.sin_port), "/"));
	assert_false(o->request_sent);
	assert_int_equal(o->e.code, ERR_TIMEOUT);
	assert_string_equal(o->e.text, "good.test: no connection in time");
	free(o);
	close(fd);
}

static void
test_certificates(void **state)
{
	struct fixture *f = *state;
	struct outcome *o = get(f, url_of("https", "good.test", tls_port, "/ok"));

	if (!o->has_response)
		fail_msg("%s", o->e.text);
	assert_int_equal(o->status, 200);
	free(o);
	assert_fails(f, url_of("https", "bad.test", tls_port, "/ok?canary"), ERR_TLS, "bad.test");
	assert_fails(f, url_of("https", "good.test", other_port, "/ok"), ERR_TLS, "certificate");
	o = get(f, url_of("https", "bad.test", tls_port, "/ok"));
	assert_false(o->request_sent);
	free(o);
}

/* The system's authorities do not include ours; a missing file is reported at once. */
static void
test_ca_files(void **state)
{
	struct fixture *f = *state;
	struct fetch_options options = usual_options;
	struct err e = ERR_INIT;

	fetch_free(f->fetch);
	f->fetch = fetch_new(f->loop, &options, &e);
	assert_non_null(f->fetch);
	assert_fails(f, url_of("https", "good.test", tls_port, "/ok"), ERR_TLS, "good.test");
	options.ca_file = "/nonexistent/ca.pem";
	assert_null(fetch_new(f->loop, &options, &e));
	assert_string_equal(e.text, "/nonexistent/ca.pem: No such file or directory");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_answers, setup, teardown),
		cmocka_unit_test_setup_teardown(test_request_as_asked, setup, teardown),
		cmocka_unit_test_setup_teardown(test_refused_requests, setup, teardown),
		cmocka_unit_test_setup_teardown(test_bounds_of_answers, setup, teardown),
		cmocka_unit_test_setup_teardown(test_broken_answers, setup, teardown),
		cmocka_unit_test_setup_teardown(test_total_timeout, setup, teardown),
		cmocka_unit_test_setup_teardown(test_stall_timeout, setup, teardown),
		cmocka_unit_test_setup_teardown(test_nobody_listens, setup, teardown),
		cmocka_unit_test_setup_teardown(test_nobody_listens_at_an_ipv6_address, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_proxies_of_the_environment, setup, teardown),
		cmocka_unit_test_setup_teardown(test_connect_timeout, setup, teardown),
		cmocka_unit_test_setup_teardown(test_certificates, setup, teardown),
		cmocka_unit_test_setup_teardown(test_ca_files, setup, teardown),
	};

	return cmocka_run_group_tests(tests, setup_all, teardown_all);
}
