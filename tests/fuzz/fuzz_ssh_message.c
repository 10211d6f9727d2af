/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The protocol between the sidecar and workspace-ssh: what is understood can be written again, and
 * is then the same; keys and names hold no byte that could end a line or a header field.
 */
#include "base/ascii.h"
#include "ssh/message.h"
#include "tests/fuzz/fuzz.h"

static void
check_request(struct str line)
{
	struct ssh_request r;
	struct ssh_request back;
	struct buf out;

	if (!ssh_request_parse(line, &r, NULL))
		return;
	buf_init(&out, SSH_MESSAGE_MAX);
	err_assert(ssh_request_write(&r, &out));
	err_assert(ssh_request_parse(str_take(buf_view(&out), out.len - 1), &back, NULL));
	err_assert(r.is_connect == back.is_connect && str_equal(r.id, back.id) &&
		   str_equal(r.key.base64, back.key.base64));
	err_assert(!ascii_has_control(str_take(buf_view(&out), out.len - 1)));
	buf_fini(&out);
}

static void
check_answer(struct str line)
{
	struct ssh_answer a;
	struct ssh_answer back;
	struct buf out;

	if (!ssh_answer_parse(line, &a, NULL))
		return;
	buf_init(&out, SSH_MESSAGE_MAX);
	err_assert(ssh_answer_write(&a, &out));
	err_assert(!ascii_has_control(str_take(buf_view(&out), out.len - 1)));
	err_assert(ssh_answer_parse(str_take(buf_view(&out), out.len - 1), &back, NULL));
	err_assert(a.is_ok == back.is_ok && str_equal(a.user, back.user) &&
		   str_equal(a.host_key.base64, back.host_key.base64));
	buf_fini(&out);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str line = fuzz_input(data, size);

	check_request(line);
	check_answer(line);
	return 0;
}
