/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Parsers and formatters of the settings of `inject` and `webhook`.
 */
#include "base/url.h"
#include "container/container.h"
#include "proxy/settings/parse/settings_parse.h"

static const struct settings_word allowances[] = {
	{"image", CONTAINER_ALLOW_IMAGE},
	{"secrets", CONTAINER_ALLOW_SECRETS},
	{"net-admin", CONTAINER_ALLOW_NET_ADMIN},
	{NULL, 0},
};
static const struct settings_word keys[] = {
	{"cookie-secret", CONTAINER_KEY_COOKIE_SECRET},
	{"client-secret", CONTAINER_KEY_CLIENT_SECRET},
	{"relay-key", CONTAINER_KEY_RELAY_KEY},
	{"clone-token", CONTAINER_KEY_CLONE_TOKEN},
	{NULL, 0},
};

bool
settings_parse_inject_allow(struct str value, void *field, struct arena *a, struct err *e)
{
	(void)a;
	return settings_parse_words(value, ',', allowances, field) ||
	       err_set(e, ERR_CONFIG, "unknown word");
}

void
settings_format_inject_allow(const void *field, struct buf *out)
{
	settings_format_words(field, ',', allowances, out);
}

bool
settings_parse_secret_keys(struct str value, void *field, struct arena *a, struct err *e)
{
	(void)a;
	return settings_parse_words(value, ',', keys, field) ||
	       err_set(e, ERR_CONFIG, "unknown key");
}

void
settings_format_secret_keys(const void *field, struct buf *out)
{
	settings_format_words(field, ',', keys, out);
}

bool
settings_is_pull_policy(struct str value)
{
	return str_equal(value, STR("Always")) || str_equal(value, STR("IfNotPresent")) ||
	       str_equal(value, STR("Never"));
}

bool
settings_is_zone(struct str value)
{
	struct str host;
	uint16_t port;

	return url_split_authority(value, &host, &port) && port == 0 &&
	       str_find_byte(value, '.') != SIZE_MAX && name_pattern_is_valid(value);
}

bool
settings_is_object_name(struct str value)
{
	return name_pattern_is_valid(value) && str_find_byte(value, '{') == SIZE_MAX;
}
