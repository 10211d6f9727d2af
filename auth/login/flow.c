/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Flows as text: the state parameter, and the sealed cookie, which holds one field per line. No
 * field can contain a line end: the random parts are base64url and targets are checked.
 */
#include "auth/login/flow.h"

#include <stdio.h>

#include "auth/cookie/flow_jar.h"
#include "auth/login/cors_redirects.h"
#include "base/ascii.h"
#include "base/clock.h"
#include "base/crypto/crypto.h"

static const char flow_purpose[] = "flow";

void
flow_init(struct flow *f, uint64_t id, unsigned round, int64_t first_ms, struct str target)
{
	char random[FLOW_RANDOM_LEN + 1];

	memset(f, 0, sizeof(*f));
	crypto_random_text(random);
	crypto_random_text(f->verifier);
	crypto_random_text(f->nonce);
	(void)snprintf(f->state, sizeof(f->state), "%012llx.%s.%u.%lld", (unsigned long long)id,
		       random, round, (long long)first_ms);
	err_assert(target.len <= FLOW_TARGET_MAX);
	memcpy(f->target, target.data, target.len);
	f->started_ms = clock_wall_ms();
}

void
flow_wipe(struct flow *f)
{
	secret_wipe(f, sizeof(*f));
}

bool
flow_parse_state(struct flow_state *s, struct str text)
{
	struct str rest = text;
	struct str round = STR_NONE;
	struct str first = STR_NONE;
	uint64_t number;

	s->whole = text;
	if (text.len > FLOW_STATE_MAX || memchr(text.data, '\0', text.len) != NULL)
		return false;
	if (!str_next(&rest, '.', &s->id) || !flow_jar_is_id(s->id, FLOW_ID_LEN))
		return false;
	if (!str_next(&rest, '.', &s->random) || s->random.len != FLOW_RANDOM_LEN ||
	    !ascii_all_base64url(s->random))
		return false;
	if (!str_next(&rest, '.', &round) ||
	    !str_to_u64(round, 0, FLOW_ROUNDS_PARALLEL_MAX, &number))
		return false;
	s->round = (unsigned)number;
	if (!str_next(&rest, '.', &first) || !str_to_u64(first, 0, INT64_MAX, &number))
		return false;
	s->first_ms = (int64_t)number;
	return rest.data == NULL;
}

bool
flow_seal(const struct flow *f, const struct cookie_box *b, struct str cookie_name, struct buf *out,
	  struct err *e)
{
	const struct cookie_use use = {flow_purpose, cookie_name};
	/* Uses short cookies when there are many, to limit the size of request heads. */
	bool is_short =
		f->cors_page == CORS_PAGE_NONE && strlen(f->target) <= FLOW_COOKIE_TARGET_MAX;
	struct buf plain;
	bool ok;

	buf_init(&plain, 2048);
	ok = buf_reserve(&plain, 2048) &&
	     buf_addf(&plain, "%s\n%s\n%s\n%lld %u %u\n%s", f->state, f->verifier, f->nonce,
		      (long long)f->started_ms, f->guest_port, f->cors_page,
		      is_short ? f->target : "");
	if (ok)
		ok = cookie_seal(b, &use, buf_view(&plain), out, e);
	else
		err_set(e, ERR_MEMORY, "flow cookie");
	buf_wipe_fini(&plain);
	return ok;
}

static bool
take_line(struct str *rest, char *out, size_t size)
{
	struct str line;

	if (!str_next(rest, '\n', &line) || line.len == 0 || line.len >= size)
		return false;
	memcpy(out, line.data, line.len);
	out[line.len] = '\0';
	return true;
}

/* Earlier versions wrote only the first one or two of these numbers. */
static bool
parse_numbers(struct flow *f, struct str text)
{
	static const uint64_t max[] = {INT64_MAX, UINT16_MAX, CORS_PAGE_MAX};
	uint64_t numbers[] = {0, 0, 0};
	size_t count = 0;
	struct str part;

	while (str_next(&text, ' ', &part)) {
		if (count == sizeof(max) / sizeof(max[0]) ||
		    !str_to_u64(part, 0, max[count], &numbers[count]))
			return false;
		count++;
	}
	f->started_ms = (int64_t)numbers[0];
	f->guest_port = (uint16_t)numbers[1];
	f->cors_page = (uint32_t)numbers[2];
	return count > 0;
}

static bool
parse_plain(struct flow *f, struct str plain)
{
	struct str rest = plain;
	struct str numbers;

	memset(f, 0, sizeof(*f));
	if (!take_line(&rest, f->state, sizeof(f->state)) ||
	    !take_line(&rest, f->verifier, sizeof(f->verifier)) ||
	    !take_line(&rest, f->nonce, sizeof(f->nonce)))
		return false;
	if (!str_next(&rest, '\n', &numbers) || !parse_numbers(f, numbers))
		return false;
	if (rest.len > FLOW_COOKIE_TARGET_MAX || str_find_byte(rest, '\n') != SIZE_MAX)
		return false;
	memcpy(f->target, rest.data, rest.len);
	return true;
}

bool
flow_open(struct flow *f, const struct cookie_box *b, struct str cookie_name, struct str text)
{
	const struct cookie_use use = {flow_purpose, cookie_name};
	struct buf plain;
	bool ok;

	buf_init(&plain, 2048);
	ok = buf_reserve(&plain, 2048) && cookie_open(b, &use, text, &plain) &&
	     parse_plain(f, buf_view(&plain));
	buf_wipe_fini(&plain);
	return ok;
}

static bool
is_own_endpoint(struct str target, struct str prefix)
{
	struct str path = str_take(target, str_find_byte(target, '?'));

	return str_starts_with(path, prefix) &&
	       (path.len == prefix.len || path.data[prefix.len] == '/');
}

/* Whether the path is one of the endpoints that a login may lead to: one redirects to the host of a
 * port, the other asks before it changes anything. */
static bool
is_page_endpoint(struct str target, struct str prefix)
{
	struct str rest = str_skip(target, prefix.len);

	return str_starts_with(rest, STR("/port?")) || str_starts_with(rest, STR("/device?")) ||
	       str_equal(rest, STR("/device"));
}

bool
flow_is_good_target(struct str target, struct str prefix)
{
	return target.len <= FLOW_TARGET_MAX && url_is_local_target(target) &&
	       (!is_own_endpoint(target, prefix) || is_page_endpoint(target, prefix));
}

void
flow_set_target(char out[FLOW_TARGET_MAX + 1], struct str target, struct str prefix)
{
	struct str chosen = target;

	if (!flow_is_good_target(chosen, prefix))
		chosen = str_take(chosen, str_find_byte(chosen, '?'));
	if (!flow_is_good_target(chosen, prefix))
		chosen = STR("/");
	memcpy(out, chosen.data, chosen.len);
	out[chosen.len] = '\0';
}

bool
flow_set_request_target(char out[FLOW_TARGET_MAX + 1], struct str target)
{
	bool fits = target.len <= FLOW_TARGET_MAX && str_starts_with(target, STR("/"));
	struct str chosen = fits ? target : STR("/");

	memcpy(out, chosen.data, chosen.len);
	out[chosen.len] = '\0';
	return fits;
}

const char *
flow_target_location(struct str target, struct str origin, struct arena *arena)
{
	if (url_is_local_target(target))
		return arena_dup(arena, target);
	return arena_printf(arena, "%.*s%.*s", STR_FMT(origin), STR_FMT(target));
}

bool
flow_ring_take(struct flow_ring *r, const struct flow_state *s)
{
	for (size_t i = 0; i < FLOW_RING_SIZE; i++) {
		if (memcmp(r->items[i], s->random.data, FLOW_RANDOM_LEN) == 0)
			return false;
	}
	memcpy(r->items[r->next], s->random.data, FLOW_RANDOM_LEN);
	r->next = (r->next + 1) % FLOW_RING_SIZE;
	return true;
}
