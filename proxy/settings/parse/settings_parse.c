/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Settings with their own grammar: keys, and texts that are used in header fields, paths or
 * requests and may only contain what is valid there.
 */
#include "proxy/settings/parse/settings_parse.h"

#include "base/ascii.h"
#include "base/crypto/crypto.h"
#include "proxy/http/upgrade.h"
#include "proxy/settings/settings.h"
#include "ssh/message.h"

#define KEY_TEXT_MAX	64 /* 32 bytes in hexadecimal */
#define COOKIE_NAME_MAX 64
#define PREFIX_MAX	64

bool
settings_keep_text(struct str value, void *field, struct arena *a, struct err *e)
{
	const char **text = field;
	*text = arena_dup(a, value);
	return *text != NULL || err_set(e, ERR_MEMORY, "too long");
}

void
settings_format_text(const void *field, struct buf *out)
{
	buf_add_str(out, str_from(*(const char *const *)field));
}

bool
settings_parse_upgrade_protocols(struct str value, void *field, struct arena *a, struct err *e)
{
	if (!upgrade_check_list(value, e)) {
		e->code = ERR_CONFIG;
		return false;
	}
	return settings_keep_text(value, field, a, e);
}

bool
settings_parse_ssh_socket(struct str value, void *field, struct arena *a, struct err *e)
{
	char text[ADDRESS_TEXT_MAX];
	int len = snprintf(text, sizeof(text), "unix:%.*s", STR_FMT(value));

	(void)a;
	if (!str_starts_with(value, STR("/")) || len < 0 || (size_t)len >= sizeof(text))
		return err_set(e, ERR_CONFIG, "not an absolute path, or too long");
	return address_parse(field, (struct str){text, (size_t)len}, e);
}

void
settings_format_ssh_socket(const void *field, struct buf *out)
{
	char text[ADDRESS_TEXT_MAX];

	if (!address_is_set(field))
		return;
	address_format(field, text, sizeof(text));
	buf_add_str(out, str_skip(str_from(text), strlen("unix:")));
}

/* Drops the comment of the key, which is not published. */
bool
settings_parse_ssh_host_key(struct str value, void *field, struct arena *a, struct err *e)
{
	const char **text = field;
	struct ssh_key key;

	if (!ssh_key_parse(value, &key, e))
		return false;
	*text = arena_printf(a, "%.*s %.*s", STR_FMT(key.type), STR_FMT(key.base64));
	return *text != NULL || err_set(e, ERR_MEMORY, "too long");
}

bool
settings_parse_ports(struct str value, void *field, struct arena *a, struct err *e)
{
	(void)a;
	return ports_parse(field, value, e);
}

void
settings_format_ports(const void *field, struct buf *out)
{
	ports_format(field, out);
}

/* RFC 6797 section 6.1: max-age is required, the two other directives are optional. */
static bool
is_hsts(struct str value)
{
	static const struct str age_name = {"max-age=", 8};
	unsigned ages = 0;
	unsigned subdomains = 0;
	unsigned preloads = 0;
	uint64_t age;
	struct str part;

	while (str_next(&value, ';', &part)) {
		part = str_trim(part);
		if (str_equal_nocase(part, STR("includeSubDomains")))
			subdomains++;
		else if (str_equal_nocase(part, STR("preload")))
			preloads++;
		else if (str_starts_with_nocase(part, age_name) &&
			 str_to_u64(str_skip(part, age_name.len), 0, INT32_MAX, &age))
			ages++;
		else
			return false;
	}
	return ages == 1 && subdomains <= 1 && preloads <= 1;
}

bool
settings_parse_hsts(struct str value, void *field, struct arena *a, struct err *e)
{
	if (str_equal_nocase(value, STR("off")))
		return settings_keep_text(STR(""), field, a, e);
	if (!is_hsts(value))
		return err_set(e, ERR_CONFIG, "not a valid Strict-Transport-Security value");
	return settings_keep_text(value, field, a, e);
}

void
settings_format_hsts(const void *field, struct buf *out)
{
	const char *value = *(const char *const *)field;

	buf_add_str(out, value == NULL || value[0] == '\0' ? STR("off") : str_from(value));
}

bool
settings_parse_networks(struct str value, void *field, struct arena *a, struct err *e)
{
	(void)a;
	return cidr_parse(field, value, e);
}

void
settings_format_networks(const void *field, struct buf *out)
{
	cidr_format(field, out);
}

/* Decodes standard base64 as well as base64url: they differ in two characters. */
static bool
decode_base64(struct str text, struct buf *out)
{
	char normal[KEY_TEXT_MAX];
	if (text.len == 44 && text.data[43] == '=')
		text.len--;
	if (text.len != 43)
		return false;
	for (size_t i = 0; i < text.len; i++) {
		char c = text.data[i];
		normal[i] = c == '+' ? '-' : c == '/' ? '_' : c;
	}
	bool ok = crypto_base64url_decode(out, (struct str){normal, text.len});
	secret_wipe(normal, sizeof(normal));
	return ok;
}

static bool
is_placeholder(struct str key)
{
	for (size_t i = 1; i < key.len; i++)
		if (key.data[i] != key.data[0])
			return false;
	return true;
}

static struct secret *
parse_key(struct str text, struct err *e)
{
	struct secret *key = NULL;
	struct buf bytes;
	buf_init(&bytes, CRYPTO_KEY_BYTES);
	bool ok = text.len == (size_t)2 * CRYPTO_KEY_BYTES ? crypto_hex_decode(&bytes, text)
							   : decode_base64(text, &bytes);
	if (!ok || bytes.len != CRYPTO_KEY_BYTES)
		err_set(e, ERR_CONFIG, "%zu characters that are not such a key", text.len);
	else if (is_placeholder(buf_view(&bytes)))
		err_set(e, ERR_CONFIG, "all bytes of the key are the same");
	else if ((key = secret_from_str(buf_view(&bytes))) == NULL)
		err_set(e, ERR_MEMORY, "out of memory");
	buf_wipe_fini(&bytes);
	return key;
}

bool
settings_parse_keys(struct str value, void *field, struct arena *a, struct err *e)
{
	struct auth_keys *keys = field;
	struct str rest = value;
	struct str part;
	(void)a;

	while (str_next(&rest, ',', &part)) {
		if (keys->count == AUTH_KEYS_MAX)
			return err_set(e, ERR_CONFIG, "more than two keys");
		keys->keys[keys->count] = parse_key(str_trim(part), e);
		if (keys->keys[keys->count] == NULL)
			return false;
		keys->count++;
	}
	if (keys->count == 2 && secret_equal(keys->keys[0], keys->keys[1]))
		return err_set(e, ERR_CONFIG, "both keys are the same");
	return true;
}

bool
settings_parse_cookie_secret(struct str value, void *field, struct arena *a, struct err *e)
{
	struct auth_keys *keys = field;

	/* 32 characters as they are, as oauth2-proxy takes them; a comma among them is one of them.
	 */
	if (value.len == CRYPTO_KEY_BYTES && !ascii_has_control(value)) {
		if (is_placeholder(value))
			return err_set(e, ERR_CONFIG, "all bytes of the key are the same");
		keys->keys[0] = secret_from_str(value);
		keys->count = keys->keys[0] != NULL;
		return keys->count == 1 || err_set(e, ERR_MEMORY, "out of memory");
	}
	return settings_parse_keys(value, field, a, e);
}

void
settings_format_cookie_secret(const void *field, struct buf *out)
{
	const struct auth_keys *keys = field;
	if (keys->count > 0)
		buf_addf(out, "set (%zu %s)", keys->count, keys->count == 1 ? "key" : "keys");
}

bool
settings_parse_relay_key(struct str value, void *field, struct arena *a, struct err *e)
{
	struct secret **key = field;

	(void)a;
	*key = parse_key(value, e);
	return *key != NULL;
}

void
settings_format_relay_key(const void *field, struct buf *out)
{
	if (*(struct secret *const *)field != NULL)
		buf_add_str(out, STR("set"));
}

bool
settings_parse_relay_zones(struct str value, void *field, struct arena *a, struct err *e)
{
	struct relay_zones *zones = field;
	struct str rest = value;
	struct str part;

	while (str_next(&rest, ',', &part)) {
		if (zones->count == RELAY_ZONES_MAX)
			return err_set(e, ERR_CONFIG, "more than %u zones", RELAY_ZONES_MAX);
		if (!relay_parse_zone(str_trim(part), a, &zones->items[zones->count], e))
			return err_wrap(e, "zone %zu", zones->count + 1);
		zones->count++;
	}
	return true;
}

void
settings_format_relay_zones(const void *field, struct buf *out)
{
	const struct relay_zones *zones = field;

	for (size_t i = 0; i < zones->count; i++) {
		buf_add_str(out, i == 0 ? STR_NONE : STR(","));
		buf_add_str(out, zones->items[i]);
	}
}

bool
settings_parse_prefix(struct str value, void *field, struct arena *a, struct err *e)
{
	if (value.len < 2 || value.len > PREFIX_MAX || value.data[0] != '/')
		return err_set(e, ERR_CONFIG, "it is not a path");
	if (!url_is_plain_path(value))
		return err_set(e, ERR_CONFIG, "one of its segments is not plain");
	return settings_keep_text(value, field, a, e);
}

/* Browsers accept a cookie with the prefix __Host- from this exact host only (RFC 6265bis section
 * 4.1.3.2). The name is a token (RFC 9110 section 5.6.2). */
bool
settings_parse_cookie_name(struct str value, void *field, struct arena *a, struct err *e)
{
	struct str prefix = STR("__Host-");

	/* Configurations of oauth2-proxy often repeat its default, which has no prefix. */
	if (str_equal(value, STR("_oauth2_proxy")))
		value = STR(SETTINGS_COOKIE_NAME);
	if (!str_starts_with(value, prefix))
		return err_set(e, ERR_CONFIG, "it does not start with __Host-");
	if (value.len == prefix.len || value.len > COOKIE_NAME_MAX ||
	    !ascii_all_alnum_or(value, ASCII_TOKEN_OTHERS))
		return err_set(e, ERR_CONFIG, "it is empty, too long or no token");
	return settings_keep_text(value, field, a, e);
}

/* Accepts a subset of scope-token (RFC 6749 section 3.3) that includes all scopes of GitLab. */
bool
settings_parse_scope(struct str value, void *field, struct arena *a, struct err *e)
{
	bool has_openid = false;
	struct str rest = value;
	struct str part;
	while (str_next(&rest, ' ', &part)) {
		if (str_is_empty(part) || !ascii_all_alnum_or(part, STR("_-.:")))
			return err_set(e, ERR_CONFIG,
				       "scopes are words with single spaces between");
		has_openid = has_openid || str_equal(part, STR("openid"));
	}
	if (!has_openid)
		return err_set(e, ERR_CONFIG, "openid is missing");
	return settings_keep_text(value, field, a, e);
}

/* Enforces the rules of git-check-ref-format(1) that distinguish a ref from options and revision
 * expressions. */
bool
settings_parse_ref(struct str value, void *field, struct arena *a, struct err *e)
{
	for (size_t i = 0; i < value.len; i++) {
		unsigned char c = (unsigned char)value.data[i];
		if (c <= 0x20 || c == 0x7f || strchr("~^:?*[\\", c) != NULL)
			return err_set(e, ERR_CONFIG,
				       "it contains characters that refs can't have");
	}
	if (value.data[0] == '-' || value.data[0] == '/' || str_ends_with(value, STR("/")) ||
	    str_ends_with(value, STR(".lock")) || str_find(value, STR("..")) != SIZE_MAX ||
	    str_find(value, STR("//")) != SIZE_MAX || str_find(value, STR("@{")) != SIZE_MAX)
		return err_set(e, ERR_CONFIG, "it is not the name of a ref");
	return settings_keep_text(value, field, a, e);
}

bool
settings_parse_socket(struct str value, void *field, struct arena *a, struct err *e)
{
	if (ascii_has_control(value))
		return err_set(e, ERR_CONFIG, "it contains control characters");
	if (!str_equal(value, STR("off")) && value.data[0] != '/')
		return err_set(e, ERR_CONFIG, "it is not an absolute path");
	return settings_keep_text(value, field, a, e);
}

bool
settings_parse_log_files(struct str value, void *field, struct arena *a, struct err *e)
{
	return log_patterns_parse(field, value, a, e);
}

void
settings_format_log_files(const void *field, struct buf *out)
{
	log_patterns_format(field, out);
}
