/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Helpers for tests of forwarded requests and responses.
 */
#ifndef TESTS_UNIT_PROXY_HTTP_FORWARD_SUPPORT_H
#define TESTS_UNIT_PROXY_HTTP_FORWARD_SUPPORT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "proxy/http/forward.h"
#include "proxy/http/http1.h"
#include "tests/unit/count.h"

#define HOST "Host: ws.example\r\n"
#define OURS                                                                                       \
	"X-Forwarded-User: ana\r\nX-Forwarded-Preferred-Username: ana\r\n"                         \
	"X-Forwarded-Email: ana@a.example\r\nX-Forwarded-For: 192.0.2.7\r\n"                       \
	"X-Forwarded-Host: ws.example\r\nX-Forwarded-Proto: https\r\nX-Request-Id: 0123\r\n"

static const struct http1_limits limits = {.head_max_bytes = 65536, .headers_max = 100};

struct message {
	struct arena arena;
	struct request_head request;
	struct response_head response;
	struct buf out;
};

bool
auth_owns_cookie(const struct auth *a, struct str name)
{
	(void)a;
	return str_equal(name, STR("__Host-wp")) || str_starts_with(name, STR("__Host-wp-"));
}

static inline void
message_fini(struct message *m)
{
	arena_fini(&m->arena);
	buf_fini(&m->out);
}

static inline void
message_init(struct message *m, struct str head, struct http1_scan *scan)
{
	unsigned status;

	*m = (struct message){.request = {.is_head = false}};
	*scan = (struct http1_scan){0};
	arena_init(&m->arena, 1 << 20);
	buf_init(&m->out, 1 << 20);
	assert_int_equal(http1_scan_head(scan, head, &limits, &status), HTTP1_COMPLETE);
}

static inline void
parse_request(struct message *m, struct str head)
{
	struct http1_persistence persistence;
	struct http1_scan scan;
	struct err e = ERR_INIT;
	unsigned status;

	message_init(m, head, &scan);
	if (!http1_parse_request(head, &scan, &m->request, &persistence, &m->arena, &status, &e))
		fail_msg("%s", e.text);
}

static inline void
forward_request(struct message *m, struct str head)
{
	struct forward f = {
		.request = &m->request,
		.identity = {.user_id = STR("7"),
			     .username = STR("ana"),
			     .email = STR("ana@a.example")},
		.forwarded_for = STR("192.0.2.7"),
		.request_id = STR("0123"),
	};

	parse_request(m, head);
	forward_write_request(&f, &m->out);
	/* With a body, Connection and the end are the upstream's. */
	if (m->request.body != BODY_NONE)
		http1_write_end(&m->out);
	assert_true(buf_is_ok(&m->out));
}

static inline void
assert_forwarded(const char *head, const char *expected)
{
	struct message m;

	forward_request(&m, str_from(head));
	if (!str_equal(buf_view(&m.out), str_from(expected)))
		fail_msg("%s\nbecame\n%.*s\ninstead of\n%s", head, STR_FMT(buf_view(&m.out)),
			 expected);
	message_fini(&m);
}

/* Fields of a GET request, and what is to be left of them. */
static inline void
assert_fields(const char *fields, const char *left)
{
	char head[4096], expected[4096];

	(void)snprintf(head, sizeof(head), "GET /a HTTP/1.1\r\n" HOST "%s\r\n", fields);
	(void)snprintf(expected, sizeof(expected), "GET /a HTTP/1.1\r\n" HOST "%s" OURS "\r\n",
		       left);
	assert_forwarded(head, expected);
}

#endif
