/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See flow_cookie.h.
 */
#include "auth/login/flow_cookie.h"

#include "base/clock.h"
#include "base/crypto.h"

#define OPENS_MAX     4u /* of one request's cookies of one name */
#define CLOCK_SKEW_MS (300 * INT64_C(1000))

uint32_t
flow_cookie_next_id(struct auth *a)
{
	uint32_t now = (uint32_t)clock_wall_ms();

	a->last_flow_id = (int32_t)(now - a->last_flow_id) > 0 ? now : a->last_flow_id + 1;
	return a->last_flow_id;
}

void
flow_cookie_clear(struct auth *a, struct str id, struct auth_verdict *v)
{
	struct buf name;

	buf_init(&name, 256);
	if (flow_cookie_name(&name, a->settings->cookie_name, id))
		verdict_add_cookie(
			v, cookie_format(&a->cookies, &v->arena, buf_view(&name), STR_NONE, 0));
	buf_fini(&name);
}

static uint32_t
age_of_flow(const struct auth *a, struct str id)
{
	uint8_t bytes[FLOW_ID_LEN / 2];
	uint32_t number = 0;
	struct buf out;

	buf_init(&out, sizeof(bytes));
	if (crypto_hex_decode(&out, id) && out.len == sizeof(bytes))
		memcpy(bytes, out.data, sizeof(bytes));
	else
		memset(bytes, 0, sizeof(bytes));
	buf_fini(&out);
	for (size_t i = 0; i < sizeof(bytes); i++)
		number = number << 8 | bytes[i];
	return a->last_flow_id - number;
}

/* The oldest of the browser's flow cookies that is younger than `below`; counts those. */
static size_t
find_oldest_flow(const struct auth *a, const struct auth_facts *facts, uint64_t below,
		 struct str *oldest)
{
	struct cookie_scan scan;
	struct str name;
	struct str value;
	struct str id;
	uint32_t oldest_age = 0;
	size_t count = 0;

	cookie_scan_init(&scan, facts);
	while (cookie_scan_next(&scan, &name, &value)) {
		uint32_t age;

		if (!flow_is_cookie_name(name, a->settings->cookie_name, &id))
			continue;
		age = age_of_flow(a, id);
		if (age >= below)
			continue;
		if (count++ == 0 || age > oldest_age) {
			oldest_age = age;
			*oldest = id;
		}
	}
	return count;
}

void
flow_cookie_expire_surplus(struct auth *a, const struct auth_facts *facts, struct auth_verdict *v)
{
	uint64_t below = UINT64_MAX;
	struct str oldest = STR_NONE;

	while (v->set_cookies_count < AUTH_SET_COOKIES_MAX - 1 &&
	       find_oldest_flow(a, facts, below, &oldest) >= FLOW_ALIVE_MAX) {
		flow_cookie_clear(a, oldest, v);
		below = age_of_flow(a, oldest);
	}
}

bool
flow_cookie_add(struct auth *a, const struct auth_facts *facts, const struct flow *f,
		struct auth_verdict *v, struct err *e)
{
	const struct cookie_box box = cookie_box_for(&a->cookies, facts);
	struct buf name;
	struct buf text;
	bool ok;

	buf_init(&name, 256);
	buf_init(&text, COOKIE_TEXT_MAX);
	ok = flow_cookie_name(&name, a->settings->cookie_name,
			      str_take(str_from(f->state), FLOW_ID_LEN)) &&
	     flow_seal(f, &box, buf_view(&name), &text, e);
	if (ok)
		verdict_add_cookie(v, cookie_format(&a->cookies, &v->arena, buf_view(&name),
						    buf_view(&text), FLOW_AGE_MAX_MS / 1000));
	buf_fini(&text);
	buf_fini(&name);
	return ok;
}

/* States are compared as a whole, so that nothing of one can have been altered. */
static bool
find_flow(const struct auth *a, const struct auth_facts *facts, const struct flow_state *state,
	  struct flow *flow)
{
	const struct cookie_box box = cookie_box_for(&a->cookies, facts);
	unsigned opens_left = OPENS_MAX;
	struct cookie_scan scan;
	struct str name;
	struct str value;
	struct str id;

	cookie_scan_init(&scan, facts);
	while (opens_left > 0 && cookie_scan_next(&scan, &name, &value)) {
		if (!flow_is_cookie_name(name, a->settings->cookie_name, &id) ||
		    !str_equal(id, state->id))
			continue;
		opens_left--;
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

	return age_ms > -CLOCK_SKEW_MS && age_ms < FLOW_AGE_MAX_MS;
}

bool
flow_cookie_find(const struct auth *a, const struct auth_facts *facts,
		 const struct flow_state *state, struct flow *flow)
{
	return find_flow(a, facts, state, flow) && flow_is_current(flow);
}
