/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Takes what the client needs of a head, by the names of fields; the first of a name counts.
 */
#include "ssh/client/tunnel_answer.h"

#include "base/http/websocket_frame.h"

static struct str
field(struct str head, struct str name)
{
	struct str line;

	while (str_next(&head, '\n', &line)) {
		size_t colon = str_find_byte(line, ':');

		if (colon == name.len && str_equal_nocase(str_take(line, colon), name)) {
			struct str value = str_skip(line, colon + 1);
			if (str_ends_with(value, STR("\r")))
				value = str_take(value, value.len - 1);
			return str_trim(value);
		}
	}
	return STR_NONE;
}

static bool
is_handshake(struct str head, struct str nonce)
{
	char accept[WEBSOCKET_ACCEPT_BYTES];

	return websocket_accept(nonce, accept) &&
	       str_equal(field(head, STR("sec-websocket-accept")),
			 (struct str){accept, sizeof(accept)}) &&
	       str_equal(field(head, STR("sec-websocket-protocol")), STR("ssh.workspace-proxy.v1"));
}

bool
tunnel_answer_parse(struct str head, struct str nonce, struct tunnel_answer *a)
{
	uint64_t status;

	*a = (struct tunnel_answer){.status = 0};
	if (!str_starts_with(head, STR("HTTP/1.1 ")) ||
	    !str_to_u64(str_take(str_skip(head, 9), 3), 100, 599, &status))
		return false;
	a->status = (unsigned)status;
	if (status != 101) {
		if (!str_to_u64(field(head, STR("content-length")), 0, TUNNEL_ANSWER_BODY_MAX,
				&a->body_len))
			a->body_len = 0;
		return true;
	}
	a->user = field(head, STR("workspace-ssh-user"));
	return is_handshake(head, nonce) && ssh_user_is_valid(a->user) &&
	       ssh_key_parse(field(head, STR("workspace-ssh-host-key")), &a->host_key, NULL);
}
