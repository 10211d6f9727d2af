/* SPDX-License-Identifier: Apache-2.0 */
/*
 * base/fetch against tests/unit/fetch_server.py: what is sent, every bound, every way in which a
 * peer breaks off, certificates, cancelling, and freeing things from within done.
 *
 * The program brings its own getaddrinfo: *.test is this machine, slow.test does not answer.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <dlfcn.h>
#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fetch.h"
#include "tests/unit/fetch_server.h"

#define BODY_MAX 65536u

static int slow_names[2]; /* closing the writing end lets slow.test answer */

__attribute__((visibility("default"))) int
getaddrinfo(const char *restrict node, const char *restrict service,
	    const struct addrinfo *restrict hints, struct addrinfo **restrict list)
{
	int (*real)(const char *, const char *, const struct addrinfo *, struct addrinfo **) = NULL;
	void *symbol = dlsym(RTLD_NEXT, "getaddrinfo");
	struct pollfd wait = {.fd = slow_names[0], .events = POLLIN};

	memcpy(&real, &symbol, sizeof(real));
	if (node != NULL && strcmp(node, "slow.test") == 0)
		(void)poll(&wait, 1, 20000);
	if (node != NULL && strcmp(node, "missing.test") == 0)
		return EAI_NONAME;
	if (node != NULL && strstr(node, ".test") != NULL)
		node = "127.0.0.1";
	return real(node, service, hints, list);
}

static int
setup_all(void **state)
{
	(void)state;
	assert_int_equal(pipe2(slow_names, O_CLOEXEC), 0);
	server_setup("DNS:good.test,IP:127.0.0.1", "DNS:good.test");
	return 0;
}

static int
teardown_all(void **state)
{
	(void)state;
	close(slow_names[1]);
	server_teardown();
	return 0;
}

struct fixture {
	struct loop *loop;
	struct fetch *fetch;
	struct loop_timer guard;
	unsigned waiting;
};

/* What became of a call. */
struct outcome {
	struct fixture *f;
	struct fetch_call *call;
	unsigned calls;
	bool has_response;
	unsigned status;
	uint32_t retry_after_s;
	bool request_sent;
	struct err e;
	char content_type[64];
	char body[BODY_MAX + 1];
	size_t body_len;
	struct outcome *cancels; /* from within done */
	bool frees_client;
	bool starts_again;
	bool stops; /* the loop, whatever else is under way */
};

static void
on_guard(void *arg)
{
	(void)arg;
	fail_msg("the loop waited for something that did not happen");
}

static const struct fetch_options usual_options = {
	.user_agent = "test/1",
	.connect_timeout_ms = 5000,
	.stall_timeout_ms = 5000,
	.total_timeout_ms = 10000,
	.body_max_bytes = BODY_MAX,
	.connections_max = 8,
};

static void
open_client(struct fixture *f, struct fetch_options options)
{
	struct certs_path ca = certs_path(&certs, "ca.pem");
	struct err e;

	if (options.ca_file == NULL)
		options.ca_file = ca.text;
	fetch_free(f->fetch);
	f->fetch = fetch_new(f->loop, &options, &e);
	if (f->fetch == NULL)
		fail_msg("%s", e.text);
}

static int
setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	struct err e;

	f->loop = loop_new(&e);
	assert_non_null(f->loop);
	loop_timer_init(&f->guard, f->loop, on_guard, NULL);
	loop_timer_start(&f->guard, 25000);
	open_client(f, usual_options);
	*state = f;
	return 0;
}

static int
teardown(void **state)
{
	struct fixture *f = *state;

	fetch_free(f->fetch);
	loop_timer_fini(&f->guard);
	loop_free(f->loop);
	free(f);
	return 0;
}

static struct outcome *start(struct fixture *f, struct fetch_request request);

static void
on_done(const struct fetch_response *response, const struct err *e, bool request_sent, void *arg)
{
	struct outcome *o = arg;

	o->calls++;
	o->call = NULL;
	o->request_sent = request_sent;
	o->e = *e;
	o->has_response = response != NULL;
	if (response != NULL) {
		o->status = response->status;
		o->retry_after_s = response->retry_after_s;
		o->body_len = response->body.len;
		assert_true(response->body.len <= BODY_MAX);
		if (response->body.len > 0)
			memcpy(o->body, response->body.data, response->body.len);
		(void)snprintf(o->content_type, sizeof(o->content_type), "%.*s",
			       STR_FMT(response->content_type));
	}
	if (o->cancels != NULL && o->cancels->call != NULL) {
		fetch_cancel(o->cancels->call);
		o->cancels->call = NULL;
		o->f->waiting--;
	}
	if (o->starts_again) {
		struct outcome *next = start(o->f, (struct fetch_request){.method = "GET"});
		next->cancels = NULL;
		o->cancels = next;
	}
	if (o->frees_client) {
		fetch_free(o->f->fetch);
		o->f->fetch = NULL;
		o->f->waiting = 1;
	}
	if (--o->f->waiting == 0 || o->stops)
		loop_stop(o->f->loop);
}

static char *
url_of(const char *scheme, const char *host, unsigned port, const char *path)
{
	static char url[256];

	(void)snprintf(url, sizeof(url), "%s://%s:%u%s", scheme, host, port, path);
	return url;
}

static char *
plain(const char *path)
{
	return url_of("http", "127.0.0.1", plain_port, path);
}

/* Freed by the test. */
static struct outcome *
start(struct fixture *f, struct fetch_request request)
{
	struct outcome *o = calloc(1, sizeof(*o));
	struct err e;

	o->f = f;
	if (request.url == NULL)
		request.url = plain("/ok");
	o->call = fetch_start(f->fetch, &request, on_done, o, &e);
	if (o->call == NULL)
		fail_msg("%s", e.text);
	assert_int_equal(o->calls, 0);
	f->waiting++;
	return o;
}

static void
run(struct fixture *f)
{
	struct err e;

	assert_true(loop_run(f->loop, &e));
}

static struct outcome *
get(struct fixture *f, const char *url)
{
	struct outcome *o = start(f, (struct fetch_request){.method = "GET", .url = url});

	o->stops = true;
	run(f);
	assert_int_equal(o->calls, 1);
	return o;
}

static void
assert_fails(struct fixture *f, const char *url, enum err_code code, const char *words)
{
	struct outcome *o = get(f, url);

	assert_false(o->has_response);
	if (o->e.code != code || strstr(o->e.text, words) == NULL)
		fail_msg("%s: %s (%s)", url, o->e.text, err_code_name(o->e.code));
	assert_null(strstr(o->e.text, "canary"));
	free(o);
}

static unsigned
ask_number(struct fixture *f, const char *path)
{
	struct outcome *o = get(f, plain(path));
	unsigned number = (unsigned)strtoul(o->body, NULL, 10);

	assert_int_equal(o->status, 200);
	free(o);
	return number;
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
assert_timeout(struct fixture *f, const char *path, uint64_t least_ms, uint64_t most_ms)
{
	uint64_t start_ms = clock_monotonic_ms();

	assert_fails(f, plain(path), ERR_TIMEOUT, "127.0.0.1: no complete answer in time");
	assert_true(clock_monotonic_ms() - start_ms >= least_ms);
	assert_true(clock_monotonic_ms() - start_ms <= most_ms);
}

static void
test_total_timeout(void **state)
{
	struct fixture *f = *state;
	struct fetch_options options = usual_options;

	options.total_timeout_ms = 300;
	open_client(f, options);
	assert_timeout(f, "/silent?canary", 300, 3000);
	assert_timeout(f, "/drip", 300, 3000);
}

static void
test_stall_timeout(void **state)
{
	struct fixture *f = *state;
	struct fetch_options options = usual_options;

	options.stall_timeout_ms = 400;
	options.total_timeout_ms = 20000;
	open_client(f, options);
	assert_timeout(f, "/stall", 400, 3000);
	assert_timeout(f, "/silent", 400, 3000);
}

static void
test_nobody_listens(void **state)
{
	struct fixture *f = *state;
	struct sockaddr_in in = {.sin_family = AF_INET};
	socklen_t len = sizeof(in);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	/* Bound and not listening: nobody else can take the port meanwhile. */
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

/* The connection is made by the kernel, and nobody answers the handshake. */
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

/* The system's authorities do not know ours; and a file that is missing is said at once. */
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

static void
test_cancel(void **state)
{
	struct fixture *f = *state;
	struct outcome *silent =
		start(f, (struct fetch_request){.method = "GET", .url = plain("/silent")});
	struct outcome *ok = start(f, (struct fetch_request){.method = "GET"});

	ok->cancels = silent;
	run(f);
	assert_int_equal(ok->status, 200);
	assert_int_equal(silent->calls, 0);

	struct outcome *at_once = start(f, (struct fetch_request){.method = "GET"});
	fetch_cancel(at_once->call);
	f->waiting--;
	assert_int_equal(at_once->calls, 0);
	free(at_once);
	free(silent);
	free(ok);
}

/* Two that end at about the same time; the first one cancels the other. */
static void
test_cancel_each_other(void **state)
{
	struct fixture *f = *state;

	for (size_t i = 0; i < 20; i++) {
		struct outcome *one = start(f, (struct fetch_request){.method = "GET"});
		struct outcome *two = start(f, (struct fetch_request){.method = "GET"});
		one->cancels = two;
		two->cancels = one;
		run(f);
		assert_int_equal(one->calls + two->calls, 1);
		free(one);
		free(two);
	}
}

static void
test_start_from_done(void **state)
{
	struct fixture *f = *state;
	struct outcome *o = start(f, (struct fetch_request){.method = "GET"});

	o->starts_again = true;
	run(f);
	assert_int_equal(o->calls, 1);
	assert_int_equal(o->cancels->calls, 1);
	assert_int_equal(o->cancels->status, 200);
	free(o->cancels);
	free(o);
}

static void
test_free_from_done(void **state)
{
	struct fixture *f = *state;
	struct outcome *silent =
		start(f, (struct fetch_request){.method = "GET", .url = plain("/silent")});
	struct outcome *o = start(f, (struct fetch_request){.method = "GET"});

	o->frees_client = true;
	run(f);
	assert_int_equal(o->status, 200);
	assert_int_equal(silent->calls, 0);
	free(o);
	free(silent);
}

static void
test_free_with_calls_under_way(void **state)
{
	struct fixture *f = *state;
	struct outcome *silent =
		start(f, (struct fetch_request){.method = "GET", .url = plain("/silent")});
	struct outcome *ok = get(f, plain("/ok?first"));

	fetch_free(f->fetch);
	f->fetch = NULL;
	assert_int_equal(silent->calls, 0);
	free(ok);
	free(silent);
}

#define MANY 60

static void
test_many_at_once(void **state)
{
	struct fixture *f = *state;
	struct fetch_options options = usual_options;
	struct outcome *many[MANY];

	options.connections_max = 3;
	open_client(f, options);
	for (size_t i = 0; i < MANY; i++)
		many[i] = start(f, (struct fetch_request){.method = "GET", .url = plain("/delay")});
	run(f);
	for (size_t i = 0; i < MANY; i++) {
		assert_int_equal(many[i]->calls, 1);
		assert_int_equal(many[i]->status, 200);
		free(many[i]);
	}
	assert_int_equal(ask_number(f, "/peak"), 3);
}

/* A call that waits for a connection has its deadline all the same. */
static void
test_deadline_of_waiting_calls(void **state)
{
	struct fixture *f = *state;
	struct fetch_options options = usual_options;

	options.connections_max = 1;
	options.total_timeout_ms = 300;
	open_client(f, options);
	struct outcome *one =
		start(f, (struct fetch_request){.method = "GET", .url = plain("/silent")});
	struct outcome *two = start(f, (struct fetch_request){.method = "GET"});
	run(f);
	assert_int_equal(one->e.code, ERR_TIMEOUT);
	assert_int_equal(two->calls, 1);
	free(one);
	free(two);
}

static void
test_connections_are_kept(void **state)
{
	struct fixture *f = *state;
	unsigned before = ask_number(f, "/connections");

	for (size_t i = 0; i < 5; i++)
		free(get(f, plain("/ok")));
	assert_int_equal(ask_number(f, "/connections"), before);
}

static void
test_post_is_sent_once(void **state)
{
	struct fixture *f = *state;
	unsigned before = ask_number(f, "/vanished"); /* leaves a connection to reuse */
	struct outcome *o = start(f, (struct fetch_request){.method = "POST",
							    .url = plain("/vanish"),
							    .body = STR("token=canary")});

	run(f);
	assert_int_equal(o->e.code, ERR_CONNECT);
	assert_true(o->request_sent);
	assert_int_equal(ask_number(f, "/vanished"), before + 1);
	free(o);
}

/* A name server that does not answer holds up neither the loop nor the end. */
static void
test_slow_name_does_not_block(void **state)
{
	struct fixture *f = *state;
	struct fetch_options options = usual_options;
	uint64_t start_ms = clock_monotonic_ms();

	options.connect_timeout_ms = 200;
	open_client(f, options);
	struct outcome *slow =
		start(f, (struct fetch_request){.method = "GET", .url = "http://slow.test/"});
	struct outcome *ok = start(f, (struct fetch_request){.method = "GET"});
	run(f);
	assert_int_equal(ok->status, 200);
	assert_int_equal(slow->e.code, ERR_TIMEOUT);
	assert_false(slow->request_sent);
	free(slow);
	slow = start(f, (struct fetch_request){.method = "GET", .url = "http://slow.test/"});
	free(get(f, plain("/ok?second")));
	fetch_free(f->fetch);
	f->fetch = NULL;
	assert_true(clock_monotonic_ms() - start_ms < 10000);
	free(slow);
	free(ok);
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
		cmocka_unit_test_setup_teardown(test_connect_timeout, setup, teardown),
		cmocka_unit_test_setup_teardown(test_certificates, setup, teardown),
		cmocka_unit_test_setup_teardown(test_ca_files, setup, teardown),
		cmocka_unit_test_setup_teardown(test_cancel, setup, teardown),
		cmocka_unit_test_setup_teardown(test_cancel_each_other, setup, teardown),
		cmocka_unit_test_setup_teardown(test_start_from_done, setup, teardown),
		cmocka_unit_test_setup_teardown(test_free_from_done, setup, teardown),
		cmocka_unit_test_setup_teardown(test_free_with_calls_under_way, setup, teardown),
		cmocka_unit_test_setup_teardown(test_many_at_once, setup, teardown),
		cmocka_unit_test_setup_teardown(test_deadline_of_waiting_calls, setup, teardown),
		cmocka_unit_test_setup_teardown(test_connections_are_kept, setup, teardown),
		cmocka_unit_test_setup_teardown(test_post_is_sent_once, setup, teardown),
		cmocka_unit_test_setup_teardown(test_slow_name_does_not_block, setup, teardown),
	};

	return cmocka_run_group_tests(tests, setup_all, teardown_all);
}
