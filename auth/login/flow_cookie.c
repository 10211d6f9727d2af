/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Seals flows into the browser's jar, and opens the one that a state names.
 */
#include "auth/login/flow_cookie.h"

#include <stdio.h>

#include "auth/cookie/flow_jar.h"
#include "base/clock.h"
#include "base/crypto/crypto_equal.h"

#define CLOCK_SKEW_MS (300 * INT64_C(1000))

static int64_t
age_max_ms(const struct flow *f)
{
	return f->cors_page == CORS_PAGE_NONE ? FLOW_AGE_MAX_MS : FLOW_CORS_AGE_MAX_MS;
}

static struct flow_jar
jar_of(const struct auth *a)
{
	return (struct flow_jar){
		.box = &a->cookies,
		.prefix = a->flow_cookie_prefix,
		.id_len = FLOW_ID_LEN,
		.alive_max = FLOW_ALIVE_MAX,
	};
}

uint64_t
flow_cookie_next_id(struct auth *a)
{
	uint64_t now = (uint64_t)clock_wall_ms();

	a->last_flow_id = now > a->last_flow_id ? now : a->last_flow_id + 1;
	return a->last_flow_id;
}

void
flow_cookie_clear(struct auth *a, struct str id, struct auth_verdict *v)
{
	const struct flow_jar jar = jar_of(a);

	flow_jar_clear(&jar, id, v);
}

bool
flow_cookie_add(struct auth *a, const struct auth_facts *facts, const struct flow *f,
		struct auth_verdict *v, struct err *e)
{
	const struct cookie_box box = cookie_box_for(&a->cookies, facts);
	struct flow_jar jar = jar_of(a);
	struct buf name;
	struct buf text;
	bool ok;

	if (f->cors_page != CORS_PAGE_NONE)
		jar.alive_max = FLOW_CORS_ALIVE_MAX;
	buf_init(&name, FLOW_JAR_NAME_MAX);
	buf_init(&text, COOKIE_TEXT_MAX);
	ok = flow_jar_name(&jar, str_take(str_from(f->state), FLOW_ID_LEN), &name) ||
	     err_set(e, ERR_MEMORY, "flow cookie");
	ok = ok && flow_seal(f, &box, buf_view(&name), &text, e);
	if (ok && facts != NULL)
		flow_jar_make_room(&jar, facts, v);
	if (ok)
		flow_jar_set(&jar, buf_view(&name), buf_view(&text), (uint64_t)age_max_ms(f) / 1000,
			     v);
	buf_fini(&text);
	buf_fini(&name);
	return ok;
}

/* Compares whole states, so that no part can have been changed. */
static bool
find_flow(const struct auth *a, const struct auth_facts *facts, const struct flow_state *state,
	  struct flow *flow)
{
	const struct cookie_box box = cookie_box_for(&a->cookies, facts);
	const struct flow_jar jar = jar_of(a);
	struct flow_jar_search search;
	struct str name;
	struct str value;

	flow_jar_search_init(&search, &jar, facts, state->id);
	while (flow_jar_search_next(&search, &name, &value)) {
		if (flow_open(flow, &box, name, value) &&
		    crypto_equal(str_from(flow->state), state->whole))
			return true;
		flow_wipe(flow);
	}
	return false;
}

static bool
flow_is_current(const struct flow *f)
{
	int64_t age_ms = clock_wall_ms() - f->started_ms;

	return age_ms > -CLOCK_SKEW_MS && age_ms < age_max_ms(f);
}

bool
flow_cookie_has_any(const struct auth *a, const struct auth_facts *facts)
{
	const struct flow_jar jar = jar_of(a);

	return flow_jar_has_any(&jar, facts);
}

static void
find_target(const struct auth *a, const struct flow_state *state, struct str client,
	    struct flow *flow)
{
	struct str target = return_targets_find(&a->targets, state->random, client);

	if (target.data == NULL)
		target = str_from(a->target_lost_url);
	(void)snprintf(flow->target, sizeof(flow->target), "%.*s", STR_FMT(target));
}

bool
flow_cookie_find(const struct auth *a, const struct auth_facts *facts,
		 const struct flow_state *state, struct flow *flow)
{
	bool is_found = find_flow(a, facts, state, flow);

	if (flow->target[0] == '\0')
		find_target(a, state, facts->client, flow);
	return is_found && flow_is_current(flow);
}
