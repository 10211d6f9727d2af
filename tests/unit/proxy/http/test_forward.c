/* SPDX-License-Identifier: Apache-2.0 */
/*
 * proxy/http/forward: which fields of a request reach the upstream and which of a response the
 * browser, byte for byte. The fake auth owns the cookie "__Host-wp" and every "__Host-wp-…".
 */
#include "tests/unit/proxy/http/forward_support.h"

static void
test_a_request_passes(void **state)
{
	(void)state;
	assert_forwarded("GET /a?b=%20c HTTP/1.0\r\nAccept: */*\r\nhost: WS.example:8443\r\n"
			 "authorization: Bearer  x\r\nAccept:\r\n\r\n",
			 "GET /a?b=%20c HTTP/1.1\r\nHost: WS.example:8443\r\nAccept: */*\r\n"
			 "authorization: Bearer  x\r\nAccept: \r\n"
			 "X-Forwarded-User: ana\r\nX-Forwarded-Preferred-Username: ana\r\n"
			 "X-Forwarded-Email: ana@a.example\r\nX-Forwarded-For: 192.0.2.7\r\n"
			 "X-Forwarded-Host: WS.example:8443\r\nX-Forwarded-Proto: https\r\n"
			 "X-Request-Id: 0123\r\n\r\n");
	/* the absolute form's host counts, not the field's */
	assert_forwarded("GET http://ws.example?b HTTP/1.1\r\nHost: other\r\n\r\n",
			 "GET /?b HTTP/1.1\r\n" HOST OURS "\r\n");
	assert_forwarded("OPTIONS * HTTP/1.1\r\n" HOST "\r\n",
			 "OPTIONS * HTTP/1.1\r\n" HOST OURS "\r\n");
}

static void
test_no_email_no_field(void **state)
{
	struct message m;
	struct forward f = {.request = &m.request, .identity = {.username = STR("ana")}};

	(void)state;
	parse_request(&m, STR("GET / HTTP/1.1\r\n" HOST "X-Forwarded-Email: x@y\r\n\r\n"));
	forward_write_request(&f, &m.out);
	assert_int_equal(str_find(buf_view(&m.out), STR("Email")), SIZE_MAX);
	message_fini(&m);
}

static void
test_framing_is_written_anew(void **state)
{
	(void)state;
	assert_forwarded("POST / HTTP/1.1\r\n" HOST "content-length: 007\r\n\r\n",
			 "POST / HTTP/1.1\r\n" HOST OURS "Content-Length: 7\r\n\r\n");
	assert_forwarded("PUT / HTTP/1.1\r\n" HOST
			 "transfer-encoding: CHUNKED\r\nTrailer: a\r\n\r\n",
			 "PUT / HTTP/1.1\r\n" HOST OURS "Transfer-Encoding: chunked\r\n\r\n");
	assert_forwarded("PATCH / HTTP/1.1\r\n" HOST "\r\n",
			 "PATCH / HTTP/1.1\r\n" HOST OURS "Content-Length: 0\r\n\r\n");
	assert_forwarded("GET / HTTP/1.1\r\n" HOST "Content-Length: 0\r\n\r\n",
			 "GET / HTTP/1.1\r\n" HOST OURS "\r\n");
	assert_forwarded("DELETE / HTTP/1.1\r\n" HOST "Expect: 100-continue\r\n"
			 "Content-Length: 2\r\n\r\n",
			 "DELETE / HTTP/1.1\r\n" HOST "Expect: 100-continue\r\n" OURS
			 "Content-Length: 2\r\n\r\n");
}

static void
test_hop_by_hop_ends_here(void **state)
{
	(void)state;
	assert_fields(
		"Connection: keep-alive\r\nKeep-Alive: 5\r\nProxy-Connection: x\r\nTE: gzip\r\n"
		"Trailer: a\r\nUpgrade: h2c\r\nProxy-Authorization: x\r\n"
		"Proxy-Authenticate: x\r\nKeep_Alive: 5\r\nA: b\r\n",
		"A: b\r\n");
	/* nominated, in any case and any of the lines */
	assert_fields(
		"Connection: close, x-secret\r\nX-Secret: a\r\nX-secret: b\r\nX-Secrets: c\r\n",
		"X-Secrets: c\r\n");
	assert_fields("A: 1\r\nB: 2\r\nConnection: a\r\nC: 3\r\nConnection: ,, c ,\r\n",
		      "B: 2\r\n");
	/* before the field that names it as well, and next to an upgrade */
	assert_fields("X: y\r\nConnection: Upgrade, X\r\n", "");
}

/* Naming our fields in Connection does not remove them, and does not hide cookies from us. */
static void
test_connection_can_not_remove_our_fields(void **state)
{
	(void)state;
	assert_fields(
		"Connection: X-Forwarded-User, X-Forwarded-For, X-Request-Id, Host, Cookie\r\n"
		"Cookie: a=b; __Host-wp=1\r\n",
		"Cookie: a=b\r\n");
	assert_forwarded("POST / HTTP/1.1\r\n" HOST
			 "Connection: content-length\r\nContent-Length: 2\r\n\r\n",
			 "POST / HTTP/1.1\r\n" HOST OURS "Content-Length: 2\r\n\r\n");
	assert_forwarded("POST / HTTP/1.1\r\n" HOST
			 "Connection: transfer-encoding\r\nTransfer-Encoding: chunked\r\n\r\n",
			 "POST / HTTP/1.1\r\n" HOST OURS "Transfer-Encoding: chunked\r\n\r\n");
}

static void
test_hops_are_counted(void **state)
{
	(void)state;
	assert_forwarded("OPTIONS * HTTP/1.1\r\n" HOST "max-forwards: 10\r\n\r\n",
			 "OPTIONS * HTTP/1.1\r\n" HOST "max-forwards: 9\r\n" OURS "\r\n");
	assert_forwarded("TRACE / HTTP/1.1\r\n" HOST "Max-Forwards: 0\r\n\r\n",
			 "TRACE / HTTP/1.1\r\n" HOST "Max-Forwards: 0\r\n" OURS "\r\n");
	assert_forwarded("TRACE / HTTP/1.1\r\n" HOST "Max-Forwards: -1\r\n\r\n",
			 "TRACE / HTTP/1.1\r\n" HOST "Max-Forwards: -1\r\n" OURS "\r\n");
	assert_fields("Max-Forwards: 10\r\n", "Max-Forwards: 10\r\n");
}

static void
test_spoofs_are_dropped(void **state)
{
	static const char *const names[] = {
		"X-Forwarded-User",
		"x-forwarded-user",
		"X_Forwarded_User",
		"X-Forwarded_User",
		"X-FORWARDED-EMAIL",
		"X-Forwarded-Preferred-Username",
		"X-Forwarded-Groups",
		"X-Forwarded-For",
		"X_FORWARDED-FOR",
		"X-Forwarded-Host",
		"X-Forwarded-Proto",
		"X-Forwarded-Access-Token",
		"X-Forwarded-Prefix",
		"Forwarded",
		"forwarded",
		"X-Real-IP",
		"x_real_ip",
		"X-Request-Id",
		"X_Request-Id",
		"X-Auth-Request-User",
		"x_auth_request_email",
		"Remote-User",
		"REMOTE_USER",
		"Remote-Groups",
		"X-Remote-User",
		"X-WebAuth-User",
		"x_webauth_user",
		/* CGI turns every byte that is no letter or digit into '_' */
		"X.Forwarded.Email",
		"X!Forwarded#For",
		"x~auth^request|user",
		"Remote.User",
		"X.Request.Id",
		"X`Real'IP",
		/* names that frameworks read: proxies in front of them set these */
		"X-Forwarded",
		"Forwarded-For",
		"X-Client-IP",
		"Client.IP",
		"True-Client-IP",
		"CF-Connecting-IP",
		"X-Original-URL",
		"X-Rewrite-URL",
		"X-Cluster-Client-IP",
		"X-WebAuth-Role",
		"X-Remote-Extra-a",
		"X-Authentik-Username",
		"Tailscale-User-Login",
		"OIDC_CLAIM_email",
		"X-Goog-IAP-JWT-Assertion",
		"Cf-Access-Jwt-Assertion",
		"X-MS-Client-Principal-Name",
		"X-Amzn-Oidc-Data",
		"X-SSL-Client-DN",
		"Ssl-Client-Verify",
		"Client-Cert",
		"X-Consumer-Username",
		"X-Authenticated-Userid",
		"X-Vouch-User",
		"X-Pomerium-Jwt-Assertion",
		"X-Replit-User-Name",
		"Remote-Addr",
	};

	(void)state;
	for (size_t i = 0; i < COUNT(names); i++) {
		char fields[128];

		(void)snprintf(fields, sizeof(fields), "%s: mallory\r\n", names[i]);
		assert_fields(fields, "");
	}
	assert_fields("XX-Forwarded-User: b\r\nX--Forwarded-User: c\r\nXForwarded-User: d\r\n"
		      "X-Auth-Token: e\r\nX-User-Id: f\r\n",
		      "XX-Forwarded-User: b\r\nX--Forwarded-User: c\r\nXForwarded-User: d\r\n"
		      "X-Auth-Token: e\r\nX-User-Id: f\r\n");
}

static void
test_cookies(void **state)
{
	static const struct {
		const char *value;
		const char *left; /* NULL: the field goes */
	} cases[] = {
		{"a=b", "a=b"},
		{"a=b; __Host-wp=1", "a=b"},
		{"__Host-wp=1; a=b", "a=b"},
		{"a=b; __Host-wp=1; c=\"d e\"; e", "a=b; c=\"d e\"; e"},
		{"__Host-wp=1", NULL},
		{"__Host-wp", NULL},
		{"__Host-wp=", NULL},
		{"__Host-wp-flow-1=x; __Host-wp=1; __Host-wp=2", NULL},
		{" __Host-wp\t =1;;; ", NULL},
		{";__Host-wp=1;", NULL},
		{"a=b;__Host-wp=1;c=d", "a=b; c=d"},
		{"__Host-wp2=1", "__Host-wp2=1"},
		{"__host-wp=1", "__host-wp=1"},
		{"x__Host-wp=1", "x__Host-wp=1"},
		{"a=__Host-wp=1", "a=__Host-wp=1"},
		/* left byte for byte where there is nothing of ours */
		{"a=b;c=d;  e ;; f=%00", "a=b;c=d;  e ;; f=%00"},
		{"", ""},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		char fields[256], left[256] = "";

		(void)snprintf(fields, sizeof(fields), "Cookie: %s\r\n", cases[i].value);
		if (cases[i].left != NULL)
			(void)snprintf(left, sizeof(left), "Cookie: %s\r\n", cases[i].left);
		assert_fields(fields, left);
	}
	assert_fields("Cookie: a=b\r\nCookie: __Host-wp=1\r\ncookie: __Host-wp=2; c=d\r\n",
		      "Cookie: a=b\r\nCookie: c=d\r\n");
}

#define WEBSOCKET                                                                                  \
	"Sec-WebSocket-Key: k\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: p\r\n"

static void
test_websockets(void **state)
{
	(void)state;
	assert_forwarded("GET / HTTP/1.1\r\n" HOST "upgrade: WebSocket\r\n"
			 "Connection: keep-alive, Upgrade\r\n" WEBSOCKET "\r\n",
			 "GET / HTTP/1.1\r\n" HOST WEBSOCKET OURS
			 "Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n");
	/* no handshake, no upgrade */
	assert_forwarded("GET / HTTP/1.1\r\n" HOST "Upgrade: websocket\r\n" WEBSOCKET "\r\n",
			 "GET / HTTP/1.1\r\n" HOST WEBSOCKET OURS "\r\n");
}

/* A head that is too large for the buffer is noticed, wherever it is cut. */
static void
test_a_full_buffer_is_noticed(void **state)
{
	struct message m;

	(void)state;
	forward_request(&m, STR("POST / HTTP/1.1\r\n" HOST
				"Cookie: a=b; __Host-wp=1; c=d\r\nContent-Length: 0\r\n\r\n"));
	size_t whole = m.out.len;
	for (size_t max = 0; max <= whole; max++) {
		struct forward f = {
			.request = &m.request,
			.identity = {.username = STR("ana"), .email = STR("ana@a.example")},
			.forwarded_for = STR("192.0.2.7"),
			.request_id = STR("0123"),
		};
		struct buf out;

		buf_init(&out, max);
		forward_write_request(&f, &out);
		assert_int_equal(buf_is_ok(&out), max == whole);
		buf_fini(&out);
	}
	message_fini(&m);
}

/* As many nominations as fit into a head: the cost is bounded. */
static void
test_many_nominations_cost_little(void **state)
{
	struct message m;
	struct buf head;

	(void)state;
	buf_init(&head, 65536);
	buf_add_str(&head, STR("GET / HTTP/1.1\r\n" HOST));
	for (int i = 0; i < 97; i++)
		buf_addf(&head, "X-Field-%02d: a\r\n", i);
	buf_add_str(&head, STR("Connection: "));
	for (int i = 0; i < 256; i++) /* the most that is taken */
		buf_add_str(&head, STR("a,"));
	buf_add_str(&head, STR("\r\n\r\n"));
	assert_true(buf_is_ok(&head));
	uint64_t before = clock_monotonic_us();
	forward_request(&m, buf_view(&head));
	uint64_t took_us = clock_monotonic_us() - before;
	if (took_us > 2000000)
		fail_msg("took %u us", (unsigned)took_us);
	message_fini(&m);
	buf_fini(&head);
}

static void
assert_client(const char *trusted, const char *fields, const char *client, const char *list)
{
	struct cidr_set set;
	struct message m;
	struct str found, forwarded_for;
	struct err e = ERR_INIT;
	char head[1024];

	assert_true(cidr_parse(&set, str_from(trusted), &e));
	(void)snprintf(head, sizeof(head), "GET / HTTP/1.1\r\n" HOST "%s\r\n", fields);
	parse_request(&m, str_from(head));
	assert_true(forward_find_client(&set, &m.request.headers, STR("10.0.0.1"), &m.arena, &found,
					&forwarded_for));
	if (!str_equal(found, str_from(client)) || !str_equal(forwarded_for, str_from(list)))
		fail_msg("%s: %.*s, %.*s", fields, STR_FMT(found), STR_FMT(forwarded_for));
	message_fini(&m);
}

static void
test_whose_request_it_is(void **state)
{
	(void)state;
	assert_client("192.0.2.0/24", "X-Forwarded-For: 1.2.3.4\r\n", "10.0.0.1", "10.0.0.1");
	assert_client("10.0.0.0/8", "", "10.0.0.1", "10.0.0.1");
	assert_client("10.0.0.0/8", "X-Forwarded-For: 1.2.3.4\r\n", "1.2.3.4", "1.2.3.4, 10.0.0.1");
	assert_client("10.0.0.0/8", "X-Forwarded-For: 6.6.6.6,1.2.3.4 , 10.9.9.9\r\n", "1.2.3.4",
		      "6.6.6.6,1.2.3.4 , 10.9.9.9, 10.0.0.1");
	assert_client("10.0.0.0/8", "X-Forwarded-For: 10.1.1.1, 10.2.2.2\r\n", "10.1.1.1",
		      "10.1.1.1, 10.2.2.2, 10.0.0.1");
	assert_client("10.0.0.0/8", "X_Forwarded_For: 1.2.3.4\r\n", "10.0.0.1", "10.0.0.1");
	assert_client("10.0.0.0/8", "X-Forwarded-For: ,\r\n", "10.0.0.1", ",, 10.0.0.1");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_request_passes),
		cmocka_unit_test(test_no_email_no_field),
		cmocka_unit_test(test_framing_is_written_anew),
		cmocka_unit_test(test_hop_by_hop_ends_here),
		cmocka_unit_test(test_connection_can_not_remove_our_fields),
		cmocka_unit_test(test_hops_are_counted),
		cmocka_unit_test(test_spoofs_are_dropped),
		cmocka_unit_test(test_cookies),
		cmocka_unit_test(test_websockets),
		cmocka_unit_test(test_a_full_buffer_is_noticed),
		cmocka_unit_test(test_many_nominations_cost_little),
		cmocka_unit_test(test_whose_request_it_is),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
