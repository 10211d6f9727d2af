/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the client takes from a workspace's answer: no byte of it can end a line of known_hosts or
 * of ssh's configuration, and without the handshake's proof it is no 101.
 */
#include "base/ascii.h"
#include "base/http/websocket_frame.h"
#include "ssh/client/http/tunnel_answer.h"
#include "tests/fuzz/fuzz.h"

#define NONCE STR("dGhlIHNhbXBsZSBub25jZQ==")

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *copy = fuzz_copy(fuzz_input(data, size));
	struct str head = {copy, size};
	struct tunnel_answer a;

	if (tunnel_answer_parse(head, NONCE, &a)) {
		err_assert(ssh_user_is_valid(a.user) && ssh_sentence_is_valid(a.notice));
		err_assert(!ascii_has_control(a.user) && !ascii_has_control(a.host_key.base64));
		err_assert(a.host_key.type.len + a.host_key.base64.len + 1 <= SSH_KEY_TEXT_MAX);
		err_assert(a.host_key.base64.len > 0);
	}
	free(copy);
	return 0;
}
