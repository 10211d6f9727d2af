/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Settings of authorization: its modes, and the projects, groups and users in GitLab.
 */
#include "proxy/settings/parse/settings_parse.h"
#include "proxy/settings/settings.h"

#define USERS_TEXT_MAX 8192u

static const struct settings_word modes[] = {
	{"workspace", AUTH_MODE_WORKSPACE}, {"project", AUTH_MODE_PROJECT},
	{"owner", AUTH_MODE_OWNER},	    {"group", AUTH_MODE_GROUP},
	{"users", AUTH_MODE_USERS},	    {NULL, 0},
};

bool
settings_parse_words(struct str text, char separator, const struct settings_word *words,
		     unsigned *bits)
{
	struct str part;

	*bits = 0;
	while (str_next(&text, separator, &part)) {
		const struct settings_word *w = words;

		while (w->name != NULL && !str_equal(str_trim(part), str_from(w->name)))
			w++;
		if (w->name == NULL)
			return false;
		*bits |= w->bit;
	}
	return true;
}

void
settings_format_words(const unsigned *bits, char separator, const struct settings_word *words,
		      struct buf *out)
{
	bool is_first = true;

	for (; words->name != NULL; words++) {
		if ((*bits & words->bit) == 0)
			continue;
		if (!is_first)
			buf_add_byte(out, separator);
		buf_add_str(out, str_from(words->name));
		is_first = false;
	}
}

bool
settings_parse_authorization(struct str value, void *field, struct arena *a, struct err *e)
{
	(void)a;
	return settings_parse_words(value, '+', modes, field) ||
	       err_set(e, ERR_CONFIG, "unknown mode");
}

void
settings_format_authorization(const void *field, struct buf *out)
{
	settings_format_words(field, '+', modes, out);
}

bool
settings_parse_project(struct str value, void *field, struct arena *a, struct err *e)
{
	if (!auth_is_id(value)) {
		if (!auth_is_path(value))
			return err_set(e, ERR_CONFIG, "it is neither an id nor a path");
		if (str_find_byte(value, '/') == SIZE_MAX)
			return err_set(e, ERR_CONFIG, "the path has no group");
	}
	return settings_keep_text(value, field, a, e);
}

/* A top-level group or a subgroup. */
bool
settings_parse_gitlab_group(struct str value, void *field, struct arena *a, struct err *e)
{
	if (!auth_is_group(value))
		return err_set(e, ERR_CONFIG, "it is neither an id nor a path of one group");
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
