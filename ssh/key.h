/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SSH public keys as text (RFC 4253 section 6.6): "<type> <base64>". Two types are accepted,
 * ssh-ed25519 (RFC 8709) and ecdsa-sha2-nistp256 (RFC 5656), in the one spelling that each has.
 */
#ifndef SSH_KEY_H
#define SSH_KEY_H

#include "base/str.h"

#define SSH_KEY_TEXT_MAX 256u

struct ssh_key { /* views */
	struct str type;
	struct str base64;
};

/* Parses "<type> <base64>", optionally followed by a space and a comment, which is ignored.
 * ERR_INPUT otherwise. */
bool ssh_key_parse(struct str text, struct ssh_key *key, struct err *e) MUST_CHECK;

#endif
