/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ssh/message and ssh/key: what is written is read back, and nothing else is understood.
 */
#include "ssh/message.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/count.h"

#define ED25519 "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGHbeY0dNWvcmLqPSJ0J1Nw4ZqRbEBhA9ZBAfB4xGqFq"
#define NISTP256                                                                                   \
	"ecdsa-sha2-nistp256 AAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAIbmlzdHAyNTYAAABBBLWaxFx7"         \
	"wSJpybwi2bR6Zoto8FXKwk2G1pVdGOcn/ATYEInXTiGYpgiRvyi6Nj+y8dtvR+40lfe934Ghp3jPlUM="

static void
test_keys(void **state)
{
	static const char *const bad[] = {
		"",
		"ssh-ed25519",
		"ssh-rsa AAAAB3NzaC1yc2E=",
		(ED25519 "A"),
		"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGHbeY0dNWvcmLqPSJ0J1Nw4ZqRbEBhA9ZBAfB4xGqF\n",
		"ssh-ed25519 BAAAC3NzaC1lZDI1NTE5AAAAIGHbeY0dNWvcmLqPSJ0J1Nw4ZqRbEBhA9ZBAfB4xGqFq",
		"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGHbeY0dNWvcmLqPSJ0J1Nw4\"qRbEBhA9ZBAfB4xGqFq",
		("command=\"x\" " ED25519),
	};
	struct ssh_key key;

	(void)state;
	assert_true(ssh_key_parse(STR(ED25519), &key, NULL));
	assert_true(str_equal(key.type, STR("ssh-ed25519")));
	assert_true(ssh_key_parse(STR("  " ED25519 " a comment"), &key, NULL));
	assert_int_equal(key.base64.len, 68);
	assert_true(ssh_key_parse(STR(NISTP256), &key, NULL));
	for (size_t i = 0; i < COUNT(bad); i++)
		assert_false(ssh_key_parse(str_from(bad[i]), &key, NULL));
}

static void
test_requests(void **state)
{
	struct ssh_request r = {.is_connect = true, .id = STR("0a-b_c.9")};
	struct ssh_request back;
	struct buf out;

	(void)state;
	assert_true(ssh_key_parse(STR(ED25519), &r.key, NULL));
	buf_init(&out, SSH_MESSAGE_MAX);
	assert_true(ssh_request_write(&r, &out));
	assert_int_equal(out.data[out.len - 1], '\n');
	assert_true(ssh_request_parse(str_take(buf_view(&out), out.len - 1), &back, NULL));
	assert_true(back.is_connect && str_equal(back.id, r.id) &&
		    str_equal(back.key.base64, r.key.base64));
	buf_clear(&out);
	r.id = STR("a b");
	assert_false(ssh_request_write(&r, &out));
	assert_true(ssh_request_parse(STR("workspace-ssh 1 info"), &back, NULL));
	assert_false(back.is_connect);
	assert_false(ssh_request_parse(STR("workspace-ssh 2 info"), &back, NULL));
	assert_false(ssh_request_parse(STR("workspace-ssh 1 connect x " ED25519 "x"), &back, NULL));
	assert_false(ssh_request_parse(STR("workspace-ssh 1 connect  " ED25519), &back, NULL));
	buf_fini(&out);
}

static void
test_answers(void **state)
{
	static const char *const bad[] = {
		"",
		"ok",
		"problem ",
		"ok coder",
		"ok co:der " ED25519,
		"ok -coder " ED25519,
		"ok coder " ED25519 " \x1b[31m",
		"ok coder " ED25519 " \xc3\xa9",
		"no coder " ED25519,
	};
	struct ssh_answer a = {
		.is_ok = true, .user = STR("coder"), .sentence = STR("no terminals")};
	struct ssh_answer back;
	struct buf out;

	(void)state;
	assert_true(ssh_key_parse(STR(ED25519), &a.host_key, NULL));
	buf_init(&out, SSH_MESSAGE_MAX);
	assert_true(ssh_answer_write(&a, &out));
	assert_true(ssh_answer_parse(str_take(buf_view(&out), out.len - 1), &back, NULL));
	assert_true(back.is_ok && str_equal(back.user, a.user) &&
		    str_equal(back.sentence, a.sentence) &&
		    str_equal(back.host_key.base64, a.host_key.base64));
	buf_clear(&out);
	a = (struct ssh_answer){.sentence = STR("there is no sshd")};
	assert_true(ssh_answer_write(&a, &out));
	assert_true(ssh_answer_parse(str_take(buf_view(&out), out.len - 1), &back, NULL));
	assert_true(!back.is_ok && str_equal(back.sentence, a.sentence));
	a.sentence = STR("two\nlines");
	assert_false(ssh_answer_write(&a, &out));
	for (size_t i = 0; i < COUNT(bad); i++)
		assert_false(ssh_answer_parse(str_from(bad[i]), &back, NULL));
	buf_fini(&out);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_keys),
		cmocka_unit_test(test_requests),
		cmocka_unit_test(test_answers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
