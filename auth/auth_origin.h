/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a request's headers say about the page that sent it. Part of the public interface: include
 * auth/auth.h.
 */
#ifndef AUTH_AUTH_ORIGIN_H
#define AUTH_AUTH_ORIGIN_H

#include "auth/auth_verdict.h"

struct auth;

/* Whether the request is a top-level navigation, by Sec-Fetch-*, Upgrade and Accept. */
bool auth_is_navigation(const struct auth_facts *facts);

/* Whether the request is the navigation of a frame in another page, by Sec-Fetch-*. */
bool auth_is_frame(const struct auth_facts *facts);

/* The origin of the workspace's page that embeds what is requested, in a frame or as a
 * sub-resource; empty: none. */
struct str auth_embedder(const struct auth *a, const struct auth_facts *facts);

/* Whether a script's request with CORS to a port, or its preflight, comes from another of the
 * workspace's hosts by a redirect of a hand-over: it says that it has no origin. */
bool auth_is_handed_on(const struct auth *a, const struct auth_facts *facts);

/* Whether a request with this method is on its way back from a hand-over to the host and target of
 * this preflight. */
bool auth_expects_return(const struct auth *a, const struct auth_facts *facts, struct str method);

/* The origin of the page that sent such a request, which v allows, before the hand-over took it;
 * empty: it is none. Ask once for each request. */
struct str auth_take_return(struct auth *a, const struct auth_facts *facts,
			    const struct auth_verdict *v, struct arena *arena);

/* Whether this is the serialized origin of one of the workspace's hosts. */
bool auth_is_own_origin(const struct auth *a, struct str origin);

/* Whether our own page sent this, by Origin and Sec-Fetch-Site; required of every request that
 * changes state. */
bool auth_is_same_origin(const struct auth *a, const struct auth_facts *facts);

#endif
