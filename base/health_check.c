/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Paths contain printable ASCII without spaces, because spaces separate the checks, and without
 * "$(", which Kubernetes would expand in an environment variable.
 */
#include "base/health_check.h"

#include "base/ascii.h"

const char *const health_check_names[HEALTH_CHECK_KINDS] = {"startup", "liveness", "readiness"};

bool
health_check_path_is_valid(struct str path)
{
	return path.len <= HEALTH_CHECK_PATH_MAX && str_starts_with(path, STR("/")) &&
	       ascii_all_visible(path) && str_find_byte(path, '#') == SIZE_MAX &&
	       str_find(path, STR("$(")) == SIZE_MAX;
}

static struct health_check *
find(struct health_checks *checks, struct str name)
{
	for (size_t i = 0; i < HEALTH_CHECK_KINDS; i++)
		if (str_equal(name, str_from(health_check_names[i])))
			return &checks->items[i];
	return NULL;
}

/* Parses what follows "http:" or "tcp:". */
static bool
parse_target(struct health_check *check, struct str text, bool is_http)
{
	size_t slash = str_find_byte(text, '/');
	uint64_t port;

	if (!str_to_u64(str_take(text, slash), 1, UINT16_MAX, &port))
		return false;
	check->port = (uint16_t)port;
	check->path = slash == SIZE_MAX ? STR_NONE : str_skip(text, slash);
	return is_http ? health_check_path_is_valid(check->path) : slash == SIZE_MAX;
}

static bool
parse_check(struct health_check *check, struct str text)
{
	size_t comma = str_find_byte(text, ',');
	struct str timeout = str_take(text, comma);
	uint64_t seconds;

	if (comma == SIZE_MAX || !str_ends_with(timeout, STR("s")) ||
	    !str_to_u64(str_take(timeout, timeout.len - 1), 1, HEALTH_CHECK_TIMEOUT_MAX, &seconds))
		return false;
	check->timeout_s = (uint16_t)seconds;
	text = str_skip(text, comma + 1);
	if (str_starts_with(text, STR("http:")))
		return parse_target(check, str_skip(text, 5), true);
	return str_starts_with(text, STR("tcp:")) && parse_target(check, str_skip(text, 4), false);
}

bool
health_checks_parse(struct health_checks *checks, struct str text, struct err *e)
{
	struct str one;

	*checks = (struct health_checks){.items = {{.port = 0}}};
	while (str_next(&text, ' ', &one)) {
		size_t equals = str_find_byte(one, '=');
		struct health_check *check = find(checks, str_take(one, equals));

		if (one.len == 0)
			continue;
		if (equals == SIZE_MAX || check == NULL || check->port != 0)
			return err_set(e, ERR_CONFIG,
				       "\"%.*s\": expected startup=, liveness= or readiness=, each "
				       "at most once",
				       STR_FMT(str_take(one, 64)));
		if (!parse_check(check, str_skip(one, equals + 1)))
			return err_set(
				e, ERR_CONFIG,
				"\"%.*s\": expected a timeout of up to %us, then http:port/path "
				"or tcp:port",
				STR_FMT(str_take(one, 64)), HEALTH_CHECK_TIMEOUT_MAX);
	}
	return true;
}

void
health_checks_format(const struct health_checks *checks, struct buf *out)
{
	const char *separator = "";

	for (size_t i = 0; i < HEALTH_CHECK_KINDS; i++) {
		const struct health_check *check = &checks->items[i];

		if (check->port == 0)
			continue;
		buf_addf(out, "%s%s=%us,%s:%u%.*s", separator, health_check_names[i],
			 check->timeout_s, check->path.len > 0 ? "http" : "tcp", check->port,
			 STR_FMT(check->path));
		separator = " ";
	}
}
