/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Answers to the request for a tunnel: one that is right, and one change each that is refused.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "ssh/client/http/tunnel_answer.h"

/* The example of RFC 6455 section 1.3. */
#define NONCE  STR("dGhlIHNhbXBsZSBub25jZQ==")
#define START  "HTTP/1.1 101 Switching Protocols\r\n"
#define ACCEPT "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"
#define PROTO  "sec-websocket-protocol: ssh.workspace-proxy.v1\r\n"
#define USER   "Workspace-Ssh-User: coder\r\n"
#define BASE64 "AAAAC3NzaC1lZDI1NTE5AAAAIGHbeY0dNWvcmLqPSJ0J1Nw4ZqRbEBhA9ZBAfB4xGqFq"
#define KEY    "Workspace-Ssh-Host-Key:  ssh-ed25519 " BASE64 " comment \r\n"

static void
test_switch(void **state)
{
	struct tunnel_answer a;

	(void)state;
	assert_true(tunnel_answer_parse(STR(START ACCEPT PROTO USER KEY "\r\n"), NONCE, &a));
	assert_true(str_is_empty(a.notice));
	assert_true(str_equal(a.user, STR("coder")));
	assert_true(str_equal(a.host_key.type, STR("ssh-ed25519")));
	assert_true(str_equal(a.host_key.base64, STR(BASE64)));
}

static void
test_malformed(void **state)
{
	static const char *const heads[] = {
		"",
		"HTTP/1.1 ",
		"HTTP/1.1 99 x\r\n\r\n",
		"HTTP/1.1 1x1 x\r\n\r\n",
		"HTTP/2 101\r\n\r\n",
		"HTTP/1.1 200 OK\r\n" ACCEPT PROTO USER KEY "\r\n",
		START "\r\n",
		START PROTO USER KEY "\r\n",
		START "Sec-WebSocket-Accept: x3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n" PROTO USER KEY
		      "\r\n",
		START ACCEPT USER KEY "\r\n",
		START ACCEPT "Sec-WebSocket-Protocol: chat\r\n" USER KEY "\r\n",
		START ACCEPT PROTO KEY "\r\n",
		START ACCEPT PROTO "Workspace-Ssh-User: -oProxyCommand=x\r\n" KEY "\r\n",
		START ACCEPT PROTO "Workspace-Ssh-User: a b\r\n" KEY "\r\n",
		START ACCEPT PROTO USER "\r\n",
		START ACCEPT PROTO USER "Workspace-Ssh-Host-Key: ssh-ed25519 AAAA\r\n\r\n",
		START ACCEPT PROTO USER "Workspace-Ssh-Host-Key: ssh-rsa " BASE64 "\r\n\r\n",
		/* The first of a name counts. */
		START ACCEPT PROTO "Workspace-Ssh-User: \r\n" USER KEY "\r\n",
	};
	struct tunnel_answer a;

	(void)state;
	for (size_t i = 0; i < sizeof(heads) / sizeof(heads[0]); i++)
		assert_false(tunnel_answer_parse(str_from(heads[i]), NONCE, &a));
	assert_false(tunnel_answer_parse(STR(START ACCEPT PROTO USER KEY "\r\n"),
					 STR("AAAAAAAAAAAAAAAAAAAAAA=="), &a));
}

/* It goes to a terminal. */
static void
test_notices(void **state)
{
	struct tunnel_answer a;

	(void)state;
	assert_true(tunnel_answer_parse(
		STR(START ACCEPT PROTO USER KEY "Workspace-Ssh-Notice: no terminals\r\n\r\n"),
		NONCE, &a));
	assert_true(str_equal(a.notice, STR("no terminals")));
	assert_true(tunnel_answer_parse(
		STR(START ACCEPT PROTO USER KEY "Workspace-Ssh-Notice: \x1b[2J\r\n\r\n"), NONCE,
		&a));
	assert_true(str_is_empty(a.notice));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_switch),
		cmocka_unit_test(test_malformed),
		cmocka_unit_test(test_notices),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
