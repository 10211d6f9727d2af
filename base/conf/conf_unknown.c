/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Distinguishes mistyped settings from variables that Kubernetes sets for Services.
 */
#include "base/conf/conf_unknown.h"

#define NAME_MAX_BYTES 96 /* of a variable */
#define FILE_SUFFIX    "_FILE"

/* Splits an entry of the environment at its first '='. False: it has none. */
static bool
split_entry(const char *entry, struct str *name, struct str *value)
{
	struct str whole = str_from(entry);
	size_t at = str_find_byte(whole, '=');
	if (at == SIZE_MAX)
		return false;
	*name = str_take(whole, at);
	*value = str_skip(whole, at + 1);
	return true;
}

/* Whether word is in s at `at`, delimited by '_' or the ends of s. */
static bool
is_word_at(struct str s, size_t at, struct str word)
{
	size_t end = at + word.len;

	return str_starts_with(str_skip(s, at), word) && (at == 0 || s.data[at - 1] == '_') &&
	       (end == s.len || s.data[end] == '_');
}

/* Whether s is "_<port>_<protocol>" as in "_80_TCP", alone or with "_PROTO", "_PORT" or "_ADDR". */
static bool
is_port_of_link(struct str s)
{
	static const char *const ends[] = {"", "_PROTO", "_PORT", "_ADDR"};
	static const char *const protocols[] = {"TCP", "UDP", "SCTP"};
	struct str rest = str_skip(s, 1);
	struct str number;
	uint64_t port;

	if (!str_next(&rest, '_', &number) || !str_to_u64(number, 1, UINT16_MAX, &port))
		return false;
	for (size_t i = 0; i < sizeof(protocols) / sizeof(protocols[0]); i++) {
		struct str protocol = str_from(protocols[i]);

		for (size_t j = 0; j < sizeof(ends) / sizeof(ends[0]); j++)
			if (str_starts_with(rest, protocol) &&
			    str_equal(str_skip(rest, protocol.len), str_from(ends[j])))
				return true;
	}
	return false;
}

/*
 * Whether Kubernetes set this variable for a Service whose name begins like our prefix:
 * NAME_SERVICE_HOST, NAME_SERVICE_PORT, NAME_SERVICE_PORT_<port's name>, NAME_PORT with an address,
 * or NAME_PORT_80_TCP, alone or followed by _PROTO, _PORT or _ADDR. NAME may contain "PORT" and
 * "SERVICE" itself.
 */
static bool
is_service_link(struct str rest, struct str value)
{
	struct str host = STR("SERVICE_HOST");
	struct str port = STR("PORT");

	for (size_t at = 0; at < rest.len; at++) {
		bool ends_here = at + port.len == rest.len;

		if (is_word_at(rest, at, STR("SERVICE_PORT")) ||
		    (is_word_at(rest, at, host) && at + host.len == rest.len))
			return true;
		if (is_word_at(rest, at, port) &&
		    (ends_here ? str_find(value, STR("://")) != SIZE_MAX
			       : is_port_of_link(str_skip(rest, at + port.len))))
			return true;
	}
	return false;
}

static const char *
find_nearest(const struct conf_table *table, struct str rest)
{
	if (str_ends_with(rest, STR(FILE_SUFFIX)))
		rest = str_take(rest, rest.len - (sizeof(FILE_SUFFIX) - 1));
	size_t nearest = 2 + rest.len / 4; /* a name at a greater distance would be a guess */
	const char *name = NULL;
	struct conf_cursor at = {0};
	const struct conf_setting *row;

	while ((row = conf_next(table, &at)) != NULL) {
		size_t distance = str_distance(rest, str_from(row->name));
		if (distance < nearest) {
			nearest = distance;
			name = row->name;
		}
	}
	return name;
}

static bool
is_known(const struct conf_table *table, struct str rest)
{
	struct conf_cursor at = {0};
	const struct conf_setting *row;

	while ((row = conf_next(table, &at)) != NULL) {
		struct str name = str_from(row->name);
		if (str_starts_with(rest, name) &&
		    (rest.len == name.len || str_equal(str_skip(rest, name.len), STR(FILE_SUFFIX))))
			return true;
	}
	return false;
}

void
conf_check_unknown(const struct conf_table *table, const char *entry,
		   struct conf_problems *problems)
{
	struct str name;
	struct str value;
	struct str prefix = str_from(table->prefix);
	if (!split_entry(entry, &name, &value) || !str_starts_with(name, prefix))
		return;
	struct str rest = str_skip(name, prefix.len);
	if (str_is_empty(value) || is_known(table, rest) || is_service_link(rest, value))
		return;

	char variable[NAME_MAX_BYTES];
	(void)snprintf(variable, sizeof(variable), "%.*s", STR_FMT(name));
	const char *nearest = find_nearest(table, rest);
	if (nearest == NULL)
		conf_problem(problems, variable, "unknown setting");
	else
		conf_problem(problems, variable, "unknown setting; did you mean %s%s?",
			     table->prefix, nearest);
}
