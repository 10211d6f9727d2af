/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The workspace's answer to the request for a tunnel: a response head, which a hostile workspace
 * may have made.
 */
#ifndef SSH_CLIENT_TUNNEL_ANSWER_H
#define SSH_CLIENT_TUNNEL_ANSWER_H

#include "ssh/message.h"

#define TUNNEL_ANSWER_BODY_MAX 16384u

struct tunnel_answer { /* views of the head */
	unsigned status;
	uint64_t body_len; /* 0 where the head does not tell, or too much */
	struct str user;
	struct ssh_key host_key;
};

/* Parses a head with its empty line. With status 101 it must be the answer to the nonce, with a
 * valid user and host key, which are empty otherwise. False: malformed. */
bool tunnel_answer_parse(struct str head, struct str nonce, struct tunnel_answer *a) MUST_CHECK;

#endif
