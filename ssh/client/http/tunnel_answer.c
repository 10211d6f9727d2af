/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads the fields that the client needs from a head; of several fields with one name the first
 * counts.
 */
#include "ssh/client/http/tunnel_answer.h"

#include "base/http/websocket_frame.h"
#include "ssh/client/http/answer_head.h"

static bool
is_handshake(struct str head, struct str nonce)
{
	struct str proof = answer_head_field(head, STR("sec-websocket-accept"));
	struct str protocol = answer_head_field(head, STR("sec-websocket-protocol"));
	char accept[WEBSOCKET_ACCEPT_BYTES];

	return answer_head_status(head) == 101 && websocket_accept(nonce, accept) &&
	       str_equal(proof, (struct str){accept, sizeof(accept)}) &&
	       str_equal(protocol, STR("ssh.workspace-proxy.v1"));
}

bool
tunnel_answer_parse(struct str head, struct str nonce, struct tunnel_answer *a)
{
	struct str notice = answer_head_field(head, STR("workspace-ssh-notice"));

	*a = (struct tunnel_answer){.user = answer_head_field(head, STR("workspace-ssh-user"))};
	if (ssh_sentence_is_valid(notice))
		a->notice = notice;
	return is_handshake(head, nonce) && ssh_user_is_valid(a->user) &&
	       ssh_key_parse(answer_head_field(head, STR("workspace-ssh-host-key")), &a->host_key,
			     NULL);
}
