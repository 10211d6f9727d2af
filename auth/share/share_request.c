/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Both forms yield the same fields as text; what they may say is checked once.
 */
#include "auth/share/share_request.h"

#include "base/clock.h"
#include "base/clock_parse.h"
#include "base/json.h"
#include "base/url.h"

#define NUMBER_MAX  20u
#define WORD_MAX    32u
#define SECONDS_MIN 60u

enum share_field {
	FIELD_PORT,
	FIELD_AUDIENCE,
	FIELD_USERS,
	FIELD_GROUP,
	FIELD_UNTIL,
	FIELD_SECONDS
};
#define FIELDS 6

static const struct {
	const char *name;
	size_t max;
} fields[FIELDS] = {
	[FIELD_PORT] = {"port", NUMBER_MAX},
	[FIELD_AUDIENCE] = {"audience", WORD_MAX},
	[FIELD_USERS] = {"users", AUTH_SHARE_MEMBERS_MAX},
	[FIELD_GROUP] = {"group", AUTH_SHARE_MEMBERS_MAX},
	[FIELD_UNTIL] = {"until", WORD_MAX},
	[FIELD_SECONDS] = {"seconds", NUMBER_MAX},
};

struct share_fields {
	struct buf values[FIELDS]; /* empty: not given */
};

static const char *
or_short(const char *detail)
{
	return detail == NULL ? "A field is not valid." : detail;
}

static const char *
refuse(struct arena *arena, enum share_field field, const char *expected)
{
	return or_short(arena_printf(arena, "The field \"%s\" is not valid; expected %s.",
				     fields[field].name, expected));
}

/* Reads a form. Ignores unknown fields, which belong to other buttons. */
static const char *
read_form(struct str body, struct share_fields *f, struct arena *arena)
{
	for (size_t i = 0; i < FIELDS; i++) {
		struct str raw = STR_NONE;
		size_t count = url_query_find(body, str_from(fields[i].name), &raw);

		if (count > 1)
			return or_short(arena_printf(arena, "The field \"%s\" is repeated.",
						     fields[i].name));
		if (count == 1 && !url_decode(&f->values[i], raw, true))
			return refuse(arena, (enum share_field)i,
				      "shorter text, correctly percent-encoded");
	}
	return NULL;
}

static bool
add_scalar(const struct json_node *node, struct buf *out)
{
	struct str text;
	int64_t number;

	if (json_get_str(node, "", &text, NULL))
		return buf_add_str(out, text);
	return json_get_int(node, "", &number, NULL) && buf_addf(out, "%lld", (long long)number);
}

/* Adds a value of users, which may be an array. An empty list does not mean those of the
 * settings. */
static bool
add_value(const struct json_node *node, enum share_field field, struct buf *out)
{
	bool ok = true;

	if (json_is_null(node))
		return true;
	if (field != FIELD_USERS || json_kind_of(node) != JSON_KIND_ARRAY)
		return add_scalar(node, out);
	for (size_t i = 0; ok && i < json_array_len(node); i++)
		ok = (i == 0 || buf_add_byte(out, ',')) && add_scalar(json_array_at(node, i), out);
	return ok && str_trim(buf_view(out)).len > 0;
}

static const char *
read_members(const struct json_node *root, struct share_fields *f, struct arena *arena)
{
	struct json_member m = {.value = NULL};

	while (json_next_member(root, &m)) {
		size_t i = 0;

		while (i < FIELDS && !str_equal(m.key, str_from(fields[i].name)))
			i++;
		if (i == FIELDS)
			return "The JSON has an unknown field; the fields are port, audience, "
			       "users, group, until and seconds.";
		if (!add_value(m.value, (enum share_field)i, &f->values[i]))
			return refuse(arena, (enum share_field)i, "a short string or a number");
	}
	return NULL;
}

static const char *
read_json(struct str body, struct share_fields *f, struct arena *arena)
{
	struct json_doc *doc = json_doc_parse(body, NULL);
	const char *detail = "The body is not a JSON object.";

	if (doc != NULL && json_is_object(json_doc_root(doc)))
		detail = read_members(json_doc_root(doc), f, arena);
	json_doc_free(doc);
	return detail;
}

static const char *
take_end(const struct share_fields *f, struct port_share_terms *terms, struct arena *arena)
{
	struct str until = buf_view(&f->values[FIELD_UNTIL]);
	struct str text = buf_view(&f->values[FIELD_SECONDS]);
	int64_t now_ms = clock_wall_ms();
	uint64_t seconds;
	bool has_zone = false;

	if (until.len > 0 && text.len > 0)
		return "Give either \"until\" or \"seconds\", not both.";
	if (text.len > 0) {
		if (!str_to_u64(text, SECONDS_MIN, AUTH_SHARE_LONGEST_S, &seconds))
			return refuse(arena, FIELD_SECONDS, "60 to 31622400");
		terms->until_ms = now_ms + (int64_t)seconds * 1000;
	}
	if (until.len == 0)
		return NULL;
	if (clock_parse_time(until.data, until.len, &terms->until_ms, &has_zone) != until.len ||
	    !has_zone)
		return refuse(arena, FIELD_UNTIL, "a time such as 2026-01-31T18:00:00Z");
	if (terms->until_ms <= now_ms || terms->until_ms > now_ms + AUTH_SHARE_LONGEST_S * 1000)
		return refuse(arena, FIELD_UNTIL, "a time in the future, within 366 days");
	return NULL;
}

/* Reads the users or the group if the audience has one. */
static const char *
take_names(const struct share_fields *f, struct port_share_terms *terms, struct arena *arena)
{
	struct str group = str_trim(buf_view(&f->values[FIELD_GROUP]));
	struct str users = buf_view(&f->values[FIELD_USERS]);
	struct err e = ERR_INIT;
	const char *detail = NULL;
	struct buf list;

	buf_init(&list, AUTH_SHARE_MEMBERS_MAX);
	if (terms->audience == AUTH_AUDIENCE_GROUP && group.len > 0) {
		if (auth_is_group(group))
			buf_add_str(&list, group);
		else
			detail = refuse(arena, FIELD_GROUP, "a group's id or path");
	} else if (terms->audience == AUTH_AUDIENCE_USERS && str_trim(users).len > 0) {
		if (!auth_parse_users(users, &list, &e))
			detail = refuse(arena, FIELD_USERS,
					"usernames or ids, separated by commas, at most 64");
	}
	if (detail == NULL) {
		memcpy(terms->members, list.len == 0 ? "" : list.data, list.len);
		terms->members[list.len] = '\0';
	}
	buf_fini(&list);
	return detail;
}

static const char *
take_fields(const struct share_fields *f, struct port_share_terms *terms, struct arena *arena)
{
	const char *detail;

	if (!ports_parse_one(buf_view(&f->values[FIELD_PORT]), &terms->port))
		return refuse(arena, FIELD_PORT, "a port of PORTS");
	if (!auth_audience_parse(buf_view(&f->values[FIELD_AUDIENCE]), &terms->audience))
		return refuse(arena, FIELD_AUDIENCE,
			      "owner, project, group, users, gitlab or public");
	detail = take_names(f, terms, arena);
	return detail == NULL ? take_end(f, terms, arena) : detail;
}

const char *
share_request_read(struct str body, bool is_json, struct port_share_terms *terms,
		   struct arena *arena)
{
	struct share_fields f;
	const char *detail;

	memset(terms, 0, sizeof(*terms));
	for (size_t i = 0; i < FIELDS; i++)
		buf_init(&f.values[i], fields[i].max);
	detail = is_json ? read_json(body, &f, arena) : read_form(body, &f, arena);
	if (detail == NULL)
		detail = take_fields(&f, terms, arena);
	for (size_t i = 0; i < FIELDS; i++)
		buf_fini(&f.values[i]);
	return detail;
}
