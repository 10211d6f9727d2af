/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Checks public keys without decoding them: type, length and the encoded type in front are fixed.
 */
#include "ssh/key.h"

#include "base/ascii.h"

struct key_type {
	struct str name;
	struct str prefix; /* of the base64 text */
	size_t base64_len;
};

#define LITERAL(text)                                                                              \
	{                                                                                          \
		text, sizeof(text) - 1                                                             \
	}

static const struct key_type types[] = {
	{LITERAL("ssh-ed25519"), LITERAL("AAAAC3NzaC1lZDI1NTE5AAAAI"), 68},
	{LITERAL("ecdsa-sha2-nistp256"),
	 LITERAL("AAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAIbmlzdHAyNTYAAABBB"), 140},
};

static bool
is_base64(struct str s)
{
	while (str_ends_with(s, STR("=")))
		s = str_take(s, s.len - 1);
	return ascii_all_alnum_or(s, STR("+/"));
}

bool
ssh_key_parse(struct str text, struct ssh_key *key, struct err *e)
{
	struct str rest = str_trim(text);

	if (!str_next(&rest, ' ', &key->type) || !str_next(&rest, ' ', &key->base64))
		return err_set(e, ERR_INPUT, "no public key");
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		if (str_equal(key->type, types[i].name))
			return (key->base64.len == types[i].base64_len &&
				str_starts_with(key->base64, types[i].prefix) &&
				is_base64(key->base64)) ||
			       err_set(e, ERR_INPUT, "malformed public key");
	}
	return err_set(e, ERR_INPUT,
		       "public key of another type than ssh-ed25519 or "
		       "ecdsa-sha2-nistp256");
}
