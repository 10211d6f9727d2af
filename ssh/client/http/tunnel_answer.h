/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The workspace's answer to the request for a tunnel: a response head with status 101, which a
 * hostile workspace may have made.
 */
#ifndef SSH_CLIENT_HTTP_TUNNEL_ANSWER_H
#define SSH_CLIENT_HTTP_TUNNEL_ANSWER_H

#include "ssh/message.h"

struct tunnel_answer { /* views of the head */
	struct str user;
	struct ssh_key host_key;
	struct str notice; /* what does not work; or empty */
};

/* Parses a head with its empty line. It must be the answer to the nonce, with a valid user and host
 * key. A notice that is no sentence is left out. */
bool tunnel_answer_parse(struct str head, struct str nonce, struct tunnel_answer *a) MUST_CHECK;

#endif
