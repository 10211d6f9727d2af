/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The settings of who may enter: authorization modes, and what each of them names in GitLab.
 */
#include "base/ascii.h"
#include "proxy/settings/parse/settings_parse.h"
#include "proxy/settings/settings.h"

#define USERS_MAX      64
#define USERS_TEXT_MAX 8192u
#define USERNAME_MAX   255u

static const struct {
	const char *name;
	unsigned bit;
} modes[] = {
	{"workspace", AUTH_MODE_WORKSPACE}, {"project", AUTH_MODE_PROJECT},
	{"owner", AUTH_MODE_OWNER},	    {"group", AUTH_MODE_GROUP},
	{"users", AUTH_MODE_USERS},
};
#define MODES (sizeof(modes) / sizeof(modes[0]))

bool
settings_parse_authorization(struct str value, void *field, struct arena *a, struct err *e)
{
	unsigned bits = 0;
	struct str rest = value;
	struct str part;
	(void)a;

	while (str_next(&rest, '+', &part)) {
		size_t i = 0;
		while (i < MODES && !str_equal(str_trim(part), str_from(modes[i].name)))
			i++;
		if (i == MODES)
			return err_set(e, ERR_CONFIG, "a mode that there is not");
		bits |= modes[i].bit;
	}
	*(unsigned *)field = bits;
	return true;
}

void
settings_format_authorization(const void *field, struct buf *out)
{
	unsigned bits = *(const unsigned *)field;
	const char *separator = "";
	for (size_t i = 0; i < MODES; i++) {
		if ((bits & modes[i].bit) == 0)
			continue;
		buf_addf(out, "%s%s", separator, modes[i].name);
		separator = "+";
	}
}

static bool
is_path(struct str value)
{
	struct str rest = value;
	struct str part;

	while (str_next(&rest, '/', &part))
		if (str_is_empty(part) || part.data[0] == '.' || part.data[0] == '-' ||
		    !ascii_all_alnum_or(part, STR("_-.")))
			return false;
	return true;
}

static bool
is_number(struct str value)
{
	for (size_t i = 0; i < value.len; i++)
		if (!ascii_is_digit(value.data[i]))
			return false;
	return true;
}

static bool
is_id(struct str value)
{
	uint64_t id;

	return str_to_u64(value, 1, INT64_MAX, &id);
}

bool
settings_parse_project(struct str value, void *field, struct arena *a, struct err *e)
{
	if (!is_id(value)) {
		if (!is_path(value))
			return err_set(e, ERR_CONFIG, "it is no id and no path");
		if (str_find_byte(value, '/') == SIZE_MAX)
			return err_set(e, ERR_CONFIG, "the path has no group");
	}
	return settings_keep_text(value, field, a, e);
}

/* At the top or below another. GitLab takes a number for an id, never for a path. */
bool
settings_parse_gitlab_group(struct str value, void *field, struct arena *a, struct err *e)
{
	if (is_number(value) ? !is_id(value) : !is_path(value))
		return err_set(e, ERR_CONFIG, "it is no id and no path of one group");
	return settings_keep_text(value, field, a, e);
}

static bool
is_user(struct str value)
{
	if (is_number(value))
		return is_id(value);
	return value.len <= USERNAME_MAX && value.data[0] != '-' &&
	       ascii_all_alnum_or(value, STR("_-."));
}

bool
settings_parse_users(struct str value, void *field, struct arena *a, struct err *e)
{
	struct str rest = value;
	struct str part;
	struct buf list;
	size_t count = 0;
	bool ok = true;

	buf_init(&list, USERS_TEXT_MAX);
	while (ok && str_next(&rest, ',', &part)) {
		part = str_trim(part);
		if (++count > USERS_MAX)
			ok = err_set(e, ERR_CONFIG, "more than %u users", USERS_MAX);
		else if (str_is_empty(part) || !is_user(part))
			ok = err_set(e, ERR_CONFIG, "user %zu is no id and no username", count);
		buf_add_str(&list, count == 1 ? STR_NONE : STR(","));
		buf_add_str(&list, part);
	}
	if (ok && !buf_is_ok(&list))
		ok = err_set(e, ERR_CONFIG, "too long");
	ok = ok && settings_keep_text(buf_view(&list), field, a, e);
	buf_fini(&list);
	return ok;
}
