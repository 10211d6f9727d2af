/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The settings of who may enter: authorization modes, and what each of them names in GitLab.
 */
#include "proxy/settings/parse/settings_parse.h"
#include "proxy/settings/settings.h"

#define USERS_TEXT_MAX 8192u

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

bool
settings_parse_project(struct str value, void *field, struct arena *a, struct err *e)
{
	if (!auth_is_id(value)) {
		if (!auth_is_path(value))
			return err_set(e, ERR_CONFIG, "it is no id and no path");
		if (str_find_byte(value, '/') == SIZE_MAX)
			return err_set(e, ERR_CONFIG, "the path has no group");
	}
	return settings_keep_text(value, field, a, e);
}

/* At the top or below another. */
bool
settings_parse_gitlab_group(struct str value, void *field, struct arena *a, struct err *e)
{
	if (!auth_is_group(value))
		return err_set(e, ERR_CONFIG, "it is no id and no path of one group");
	return settings_keep_text(value, field, a, e);
}

bool
settings_parse_users(struct str value, void *field, struct arena *a, struct err *e)
{
	struct buf list;
	bool ok;

	buf_init(&list, USERS_TEXT_MAX);
	ok = auth_parse_users(value, &list, e) && settings_keep_text(buf_view(&list), field, a, e);
	buf_fini(&list);
	return ok;
}
