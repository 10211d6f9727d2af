/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Limits the memory of running requests: their heads, and bytes of responses that the peer does
 * not take. Connections without a user share one pool, those of users another one, and each may
 * use a part of what is free. So many connections with few streams use no more than few with many,
 * and a connection that fills a pool leaves room for small requests of the others.
 */
#include "proxy/downstream/http2/http2_connection_private.h"

#define PART 4u /* a connection may use a quarter of the free memory */

struct share {
	size_t pool;
	size_t held_max;
	size_t unsent_max;
	size_t least;
};

static const struct share shares[] = {
	{2097152u, 262144u, 131072u, 8192u},
	{33554432u, 8u * HTTP2_PENDING_MAX, HTTP2_PENDING_MAX, 65536u},
};

static const struct share *
share_of(const struct http2_connection *c)
{
	return &shares[c->downstream->stream.has_user];
}

/* The lesser of the part and of most. */
static size_t
limit(const struct http2_connection *c, size_t most)
{
	const struct share *share = share_of(c);
	size_t own = c->is_held_as_user == c->downstream->stream.has_user ? c->held_bytes : 0;
	size_t others = c->downstream->proxy->http2_held[c->downstream->stream.has_user] - own;
	size_t part = others < share->pool ? (share->pool - others) / PART : 0;

	if (part < share->least)
		part = share->least;
	return part < most ? part : most;
}

void
http2_held_note(struct http2_connection *c)
{
	size_t *held = c->downstream->proxy->http2_held;

	held[c->is_held_as_user] -= c->held_bytes;
	c->is_held_as_user = c->downstream->stream.has_user;
	c->held_bytes = c->is_stopped ? 0 : c->head_bytes + http2_pending_bytes(c->codec);
	held[c->is_held_as_user] += c->held_bytes;
}

bool
http2_held_has_room(struct http2_connection *c, size_t head_bytes)
{
	http2_held_note(c);
	return c->held_bytes == 0 || c->held_bytes + head_bytes <= limit(c, share_of(c)->held_max);
}

bool
http2_held_is_full(const struct http2_connection *c)
{
	size_t unsent = http2_pending_bytes(c->codec);

	return unsent > 0 && unsent > limit(c, share_of(c)->unsent_max);
}
