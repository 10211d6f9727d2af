/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the tests of base/http/fetch share: tests/unit/base/http/fetch_server.py, a client for each
 * test in a loop with a guard, and what became of each call. Included by one file per program; it
 * brings a getaddrinfo of its own: *.test is this machine, slow.test does not answer.
 */
#ifndef TESTS_UNIT_BASE_HTTP_FETCH_SUPPORT_H
#define TESTS_UNIT_BASE_HTTP_FETCH_SUPPORT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <dlfcn.h>
#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/http/fetch.h"
#include "tests/unit/base/http/fetch_server.h"
#include "tests/unit/loop_guard.h"

#define BODY_MAX 65536u

#define PATIENCE_MS 60000 /* for what only a fault makes long */

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
		(void)poll(&wait, 1, 2 * PATIENCE_MS);
	if (node != NULL && strcmp(node, "missing.test") == 0)
		return EAI_NONAME;
	if (node != NULL && strstr(node, ".test") != NULL)
		node = "127.0.0.1";
	return real(node, service, hints, list);
}

static inline int
setup_all(void **state)
{
	(void)state;
	assert_int_equal(pipe2(slow_names, O_CLOEXEC), 0);
	server_setup("DNS:good.test,IP:127.0.0.1", "DNS:good.test");
	return 0;
}

static inline int
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

/* The result of a call. */
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

static const struct fetch_options usual_options = {
	.user_agent = "test/1",
	.connect_timeout_ms = PATIENCE_MS,
	.stall_timeout_ms = PATIENCE_MS,
	.total_timeout_ms = PATIENCE_MS,
	.body_max_bytes = BODY_MAX,
	.connections_max = 8,
};

static inline void
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

static inline int
setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	struct err e;

	f->loop = loop_new(&e);
	assert_non_null(f->loop);
	loop_timer_init(&f->guard, f->loop, on_guard, NULL);
	loop_timer_start(&f->guard, 2 * PATIENCE_MS);
	open_client(f, usual_options);
	*state = f;
	return 0;
}

static inline int
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

static inline void
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

static inline char *
url_of(const char *scheme, const char *host, unsigned port, const char *path)
{
	static char url[256];

	(void)snprintf(url, sizeof(url), "%s://%s:%u%s", scheme, host, port, path);
	return url;
}

static inline char *
plain(const char *path)
{
	return url_of("http", "127.0.0.1", plain_port, path);
}

/* Freed by the test. */
static inline struct outcome *
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

static inline void
run(struct fixture *f)
{
	struct err e;

	assert_true(loop_run(f->loop, &e));
}

static inline struct outcome *
get(struct fixture *f, const char *url)
{
	struct outcome *o = start(f, (struct fetch_request){.method = "GET", .url = url});

	o->stops = true;
	run(f);
	assert_int_equal(o->calls, 1);
	return o;
}

static inline unsigned
ask_number(struct fixture *f, const char *path)
{
	struct outcome *o = get(f, plain(path));
	unsigned number = (unsigned)strtoul(o->body, NULL, 10);

	assert_int_equal(o->status, 200);
	free(o);
	return number;
}

#endif
