/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A small table in the session, allocated with the first assertion.
 */
#include "auth/session/session_assertion.h"

#include <stdlib.h>

#include "auth/session/session_guest.h"
#include "auth/session/session_identity.h"
#include "auth/session/session_private.h"
#include "base/clock.h"

struct session_assertion {
	uint64_t serial; /* of the keys; 0: free */
	int64_t signed_at_s;
	uint16_t port;
	struct buf text;
};

/* Also checks the start: if the clock was set back, an assertion is not sent before its time. */
static bool
is_current(const struct session_assertion *a, int64_t now_s)
{
	return now_s >= a->signed_at_s && now_s < a->signed_at_s + SESSION_ASSERTION_AGE_MAX_S;
}

struct str
session_assertion_find(const struct auth_session *s, const struct assertion_keys *k, uint16_t port)
{
	uint64_t serial = assertion_keys_serial(k);

	for (size_t i = 0; s->assertions != NULL && i < SESSION_ASSERTIONS_MAX; i++) {
		const struct session_assertion *a = &s->assertions[i];

		if (a->serial == serial && a->port == port)
			return is_current(a, clock_wall_s()) ? buf_view(&a->text) : STR_NONE;
	}
	return STR_NONE;
}

/* Returns the entry of the same port, a free one, or the one that was signed first. */
static struct session_assertion *
make_room(struct auth_session *s, uint16_t port)
{
	struct session_assertion *place = &s->assertions[0];

	for (size_t i = 0; i < SESSION_ASSERTIONS_MAX; i++) {
		struct session_assertion *a = &s->assertions[i];

		if (a->serial != 0 && a->port == port)
			return a;
		if (place->serial != 0 && (a->serial == 0 || a->signed_at_s < place->signed_at_s))
			place = a;
	}
	return place;
}

static bool
make_table(struct auth_session *s, struct err *e)
{
	if (s->has_ended)
		return err_set(e, ERR_PROTOCOL, "the session has ended");
	if (s->assertions != NULL)
		return true;
	s->assertions = calloc(SESSION_ASSERTIONS_MAX, sizeof(*s->assertions));
	if (s->assertions == NULL)
		return err_set(e, ERR_MEMORY, "assertions");
	for (size_t i = 0; i < SESSION_ASSERTIONS_MAX; i++)
		buf_init(&s->assertions[i].text, ASSERTION_MAX);
	return true;
}

struct str
session_assertion_sign(struct auth_session *s, const struct assertion_keys *k, uint16_t port,
		       struct assertion_claims *claims, struct err *e)
{
	struct session_assertion *a;
	char name[ASSERTION_SID_TEXT];

	if (!make_table(s, e))
		return STR_NONE;
	a = make_room(s, port);
	claims->identity = session_identity(s);
	claims->now_s = clock_wall_s();
	claims->session = STR_NONE;
	claims->level = str_from(session_level(s));
	if (!s->is_api_token) {
		assertion_session_name(STR_BYTES(s->id), name);
		claims->session = str_from(name);
	}
	a->serial = 0;
	buf_clear(&a->text);
	if (!assertion_write(k, claims, &a->text, e))
		return STR_NONE;
	a->serial = assertion_keys_serial(k);
	a->signed_at_s = claims->now_s;
	a->port = port;
	return buf_view(&a->text);
}

void
session_assertions_fini(struct auth_session *s)
{
	for (size_t i = 0; s->assertions != NULL && i < SESSION_ASSERTIONS_MAX; i++)
		buf_fini(&s->assertions[i].text);
	free(s->assertions);
	s->assertions = NULL;
}
