/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Finds, sets and removes cookies by their names; their values are sealed and opened elsewhere.
 */
#include "auth/cookie/flow_jar.h"

#include "auth/gate/verdict_fill.h"
#include "base/ascii.h"

#define SEARCH_MAX 4u /* of one request's cookies of one name */

bool
flow_jar_is_id(struct str s, size_t id_len)
{
	return s.len == id_len && ascii_all_lower_hex(s);
}

/* Whether the name is that of a flow's cookie; *id is a view into it. */
static bool
is_owned(const struct flow_jar *j, struct str name, struct str *id)
{
	if (!str_starts_with(name, j->prefix))
		return false;
	*id = str_skip(name, j->prefix.len);
	return flow_jar_is_id(*id, j->id_len);
}

bool
flow_jar_name(const struct flow_jar *j, struct str id, struct buf *out)
{
	buf_add_str(out, j->prefix);
	return buf_add_str(out, id);
}

void
flow_jar_set(const struct flow_jar *j, struct str name, struct str text, uint64_t max_age_s,
	     struct auth_verdict *v)
{
	verdict_add_cookie(v, cookie_format(j->box, &v->arena, name, text, max_age_s));
}

void
flow_jar_clear(const struct flow_jar *j, struct str id, struct auth_verdict *v)
{
	struct buf name;

	buf_init(&name, FLOW_JAR_NAME_MAX);
	if (flow_jar_name(j, id, &name))
		flow_jar_set(j, buf_view(&name), STR_NONE, 0, v);
	buf_fini(&name);
}

static int
compare_ids(struct str a, struct str b)
{
	return memcmp(a.data, b.data, a.len);
}

/* Finds the oldest flow that is younger than `after` (empty: of all), and counts those flows. */
static size_t
find_oldest(const struct flow_jar *j, const struct auth_facts *facts, struct str after,
	    struct str *oldest)
{
	struct cookie_scan scan;
	struct str name;
	struct str value;
	struct str id;
	size_t count = 0;

	cookie_scan_init(&scan, facts);
	while (cookie_scan_next(&scan, &name, &value)) {
		if (!is_owned(j, name, &id) || (after.len > 0 && compare_ids(id, after) <= 0))
			continue;
		if (count++ == 0 || compare_ids(id, *oldest) < 0)
			*oldest = id;
	}
	return count;
}

void
flow_jar_make_room(const struct flow_jar *j, const struct auth_facts *facts, struct auth_verdict *v)
{
	struct str after = STR_NONE;
	struct str oldest = STR_NONE;

	while (v->set_cookies_count < AUTH_SET_COOKIES_MAX - 1 &&
	       find_oldest(j, facts, after, &oldest) >= j->alive_max) {
		flow_jar_clear(j, oldest, v);
		after = oldest;
	}
}

bool
flow_jar_has_any(const struct flow_jar *j, const struct auth_facts *facts)
{
	struct str oldest;

	return find_oldest(j, facts, STR_NONE, &oldest) > 0;
}

void
flow_jar_search_init(struct flow_jar_search *s, const struct flow_jar *j,
		     const struct auth_facts *facts, struct str id)
{
	*s = (struct flow_jar_search){.jar = j, .id = id, .left = SEARCH_MAX};
	cookie_scan_init(&s->scan, facts);
}

bool
flow_jar_search_next(struct flow_jar_search *s, struct str *name, struct str *value)
{
	struct str id;

	while (s->left > 0 && cookie_scan_next(&s->scan, name, value)) {
		if (!is_owned(s->jar, *name, &id) || !str_equal(id, s->id))
			continue;
		s->left--;
		return true;
	}
	return false;
}
