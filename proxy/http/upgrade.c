/* SPDX-License-Identifier: Apache-2.0 */
/*
 * After a switch of protocols the proxy only forwards bytes. A protocol in which the client can
 * send further requests would carry them to the server unauthorized, with whatever identity
 * headers the client writes: that is request smuggling by h2c.
 */
#include "proxy/http/upgrade.h"

#include "proxy/http/field_list.h"

static bool
is_token(struct str s)
{
	return s.len > 0 && field_token_run(s) == s.len;
}

/* protocol-name ["/" protocol-version], both tokens. */
static bool
is_protocol(struct str s)
{
	size_t slash = str_find_byte(s, '/');

	return s.len <= UPGRADE_NAME_MAX && is_token(str_take(s, slash)) &&
	       (slash == SIZE_MAX || is_token(str_skip(s, slash + 1)));
}

struct str
upgrade_find(const struct headers *h)
{
	struct str value;

	if (headers_find(h, HEADER_UPGRADE, &value) != 1 || !is_protocol(value) ||
	    !headers_has_token(h, HEADER_CONNECTION, STR("upgrade")))
		return STR_NONE;
	return value;
}

/* Returns why this protocol can't be allowed, or NULL. */
static const char *
find_objection(struct str protocol)
{
	static const struct {
		const char *name;
		const char *objection;
	} refused[] = {
		{"h2c", "would let requests bypass the sign-in"},
		{"h2", "would let requests bypass the sign-in"},
		{"HTTP", "would let requests bypass the sign-in"},
		{"TLS", "would let requests bypass the sign-in"},
		{"websocket", "always passes and need not be listed"},
	};
	struct str name = str_take(protocol, str_find_byte(protocol, '/'));

	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++)
		if (str_equal_nocase(name, str_from(refused[i].name)))
			return refused[i].objection;
	return NULL;
}

bool
upgrade_check_list(struct str list, struct err *e)
{
	struct str part;
	size_t count = 0;

	while (str_next(&list, ',', &part)) {
		part = str_trim(part);
		if (!is_protocol(part))
			return err_set(e, ERR_INPUT, "\"%.*s\" is not the name of a protocol",
				       STR_FMT(str_take(part, UPGRADE_NAME_MAX)));
		const char *objection = find_objection(part);
		if (objection != NULL)
			return err_set(e, ERR_INPUT, "%.*s %s", STR_FMT(part), objection);
		if (++count > UPGRADE_PROTOCOLS_MAX)
			return err_set(e, ERR_INPUT, "more than %u protocols",
				       UPGRADE_PROTOCOLS_MAX);
	}
	return true;
}

struct str
upgrade_find_listed(struct str list, struct str protocol)
{
	struct str part;

	while (protocol.len > 0 && str_next(&list, ',', &part)) {
		part = str_trim(part);
		if (str_equal_nocase(part, protocol))
			return part;
	}
	return STR_NONE;
}
