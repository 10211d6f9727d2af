/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Parsers and formatters of the settings of `inject` and `webhook`.
 */
#include "base/url.h"
#include "container/container.h"
#include "proxy/settings/parse/settings_parse.h"

struct word {
	const char *name;
	unsigned bit;
};

static const struct word allowances[] = {
	{"image", CONTAINER_ALLOW_IMAGE},
	{"secrets", CONTAINER_ALLOW_SECRETS},
};
static const struct word keys[] = {
	{"cookie-secret", CONTAINER_KEY_COOKIE_SECRET},
	{"client-secret", CONTAINER_KEY_CLIENT_SECRET},
	{"relay-key", CONTAINER_KEY_RELAY_KEY},
	{"clone-token", CONTAINER_KEY_CLONE_TOKEN},
};
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static bool
parse_words(struct str text, const struct word *words, size_t count, unsigned *bits)
{
	struct str part;

	*bits = 0;
	while (str_next(&text, ',', &part)) {
		size_t i = 0;
		while (i < count && !str_equal(str_trim(part), str_from(words[i].name)))
			i++;
		if (i == count)
			return false;
		*bits |= words[i].bit;
	}
	return true;
}

static void
format_words(unsigned bits, const struct word *words, size_t count, struct buf *out)
{
	const char *separator = "";

	for (size_t i = 0; i < count; i++) {
		if ((bits & words[i].bit) == 0)
			continue;
		buf_addf(out, "%s%s", separator, words[i].name);
		separator = ",";
	}
}

bool
settings_parse_inject_allow(struct str value, void *field, struct arena *a, struct err *e)
{
	(void)a;
	return parse_words(value, allowances, COUNT(allowances), field) ||
	       err_set(e, ERR_CONFIG, "a word that there is not");
}

void
settings_format_inject_allow(const void *field, struct buf *out)
{
	format_words(*(const unsigned *)field, allowances, COUNT(allowances), out);
}

bool
settings_parse_secret_keys(struct str value, void *field, struct arena *a, struct err *e)
{
	(void)a;
	return parse_words(value, keys, COUNT(keys), field) ||
	       err_set(e, ERR_CONFIG, "a key that there is not");
}

void
settings_format_secret_keys(const void *field, struct buf *out)
{
	format_words(*(const unsigned *)field, keys, COUNT(keys), out);
}

static bool
keep(struct str value, void *field, struct arena *a, struct err *e)
{
	const char *copy = arena_dup(a, value);

	*(const char **)field = copy;
	return copy != NULL || err_set(e, ERR_MEMORY, "no memory");
}

bool
settings_parse_pull_policy(struct str value, void *field, struct arena *a, struct err *e)
{
	if (!str_equal(value, STR("Always")) && !str_equal(value, STR("IfNotPresent")) &&
	    !str_equal(value, STR("Never")))
		return err_set(e, ERR_CONFIG, "a policy that there is not");
	return keep(value, field, a, e);
}

bool
settings_parse_zone(struct str value, void *field, struct arena *a, struct err *e)
{
	struct str host;
	uint16_t port;

	if (!url_split_authority(value, &host, &port) || port != 0 ||
	    str_find_byte(value, '.') == SIZE_MAX || !name_pattern_is_valid(value))
		return err_set(e, ERR_CONFIG, "no host name in lower case");
	return keep(value, field, a, e);
}

bool
settings_parse_name_pattern(struct str value, void *field, struct arena *a, struct err *e)
{
	if (!name_pattern_is_valid(value))
		return err_set(e, ERR_CONFIG, "no name of an object");
	return keep(value, field, a, e);
}

bool
settings_parse_object_name(struct str value, void *field, struct arena *a, struct err *e)
{
	if (!name_pattern_is_valid(value) || str_find_byte(value, '{') != SIZE_MAX)
		return err_set(e, ERR_CONFIG, "no name of an object");
	return keep(value, field, a, e);
}

bool
settings_parse_service_name(struct str value, void *field, struct arena *a, struct err *e)
{
	if (!service_certificate_is_name(value))
		return err_set(e, ERR_CONFIG, "no name of a service with its namespace");
	return keep(value, field, a, e);
}

bool
settings_parse_tolerance(struct str value, void *field, struct arena *a, struct err *e)
{
	if (!tolerance_is_valid(value))
		return err_set(e, ERR_CONFIG, "an entry that is not allowed");
	return keep(value, field, a, e);
}

bool
settings_parse_namespace_pattern(struct str value, void *field, struct arena *a, struct err *e)
{
	if (!namespace_pattern_is_valid(value))
		return err_set(e, ERR_CONFIG, "no name of a namespace");
	return keep(value, field, a, e);
}

bool
settings_parse_quantity(struct str value, void *field, struct arena *a, struct err *e)
{
	if (!quantity_is_valid(value))
		return err_set(e, ERR_CONFIG, "no quantity");
	return keep(value, field, a, e);
}
