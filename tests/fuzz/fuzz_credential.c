/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Messages of git, of the helper and of the sidecar: what is accepted refers to the input, holds no
 * control characters, and means the same when it is written and read again.
 */
#include "clone/credential/credential.h"
#include "tests/fuzz/fuzz.h"

static struct str message; /* the input */

static void
check_view(struct str s)
{
	err_assert(s.len == 0 ||
		   (s.data >= message.data && s.data + s.len <= message.data + message.len));
	for (size_t i = 0; i < s.len; i++)
		err_assert((unsigned char)s.data[i] >= 0x20 && s.data[i] != 0x7f);
}

static void
check_request(void)
{
	static const struct url gitlab = {
		.scheme = {"https", 5}, .host = {"gitlab.example.com", 18}, .port = 443};
	struct credential_request r;
	struct credential_request again;
	struct buf out;

	if (!credential_parse_request(message, &r, NULL))
		return;
	check_view(r.protocol);
	check_view(r.host);
	check_view(r.password);
	if (credential_is_for(&r, &gitlab))
		err_assert(str_equal_nocase(r.protocol, gitlab.scheme) &&
			   str_starts_with_nocase(r.host, gitlab.host) &&
			   (r.host.len == 18 || str_ends_with(r.host, STR("443"))));
	buf_init(&out, message.len + 64);
	err_assert(credential_add_request(&r, &out));
	err_assert(credential_message_len(buf_view(&out)) == out.len);
	err_assert(credential_parse_request(buf_view(&out), &again, NULL));
	err_assert(again.operation == r.operation && str_equal(again.protocol, r.protocol) &&
		   str_equal(again.host, r.host) && str_equal(again.password, r.password));
	buf_fini(&out);
}

static void
check_answer(void)
{
	struct credential_answer a;
	struct credential_answer again;
	struct buf out;

	if (!credential_parse_answer(message, &a, NULL))
		return;
	check_view(a.username);
	check_view(a.password);
	check_view(a.message);
	buf_init(&out, message.len + 128);
	err_assert(credential_add_answer(&a, &out));
	err_assert(credential_parse_answer(buf_view(&out), &again, NULL));
	err_assert(again.status == a.status && again.expires_at_s == a.expires_at_s &&
		   str_equal(again.password, a.password) && str_equal(again.message, a.message));
	buf_fini(&out);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str input = fuzz_input(data, size);
	char *copy = fuzz_copy(input);
	size_t len;

	message = (struct str){copy, input.len};
	len = credential_message_len(message);
	err_assert(len <= message.len);
	if (len > 0)
		message = str_take(message, len);
	check_request();
	check_answer();
	free(copy);
	return 0;
}
