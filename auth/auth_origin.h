/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a request's headers say about the page that sent it. Part of the public interface: include
 * auth/auth.h.
 *
 * Pages of this workspace make requests by themselves: for a frame, or for an image, script or
 * other sub-resource on another of the workspace's hosts. They are signed in to a port without a
 * navigation (docs/decisions/0008-hand-over-to-ports.md). Workspaces of one zone are the same site
 * to browsers, so neither SameSite nor Sec-Fetch-Site tells their pages apart. Referer does: a page
 * can leave it out, but not forge it.
 */
#ifndef AUTH_AUTH_ORIGIN_H
#define AUTH_AUTH_ORIGIN_H

#include "auth/auth_verdict.h"

struct auth;

/* Whether the request is a top-level navigation, by Sec-Fetch-*, Upgrade and Accept. */
bool auth_is_navigation(const struct auth_facts *facts);

/* Whether the request is a navigation within a frame, by Sec-Fetch-*. */
bool auth_is_frame(const struct auth_facts *facts);

/* Whether another site embeds or fetches the resource; false when a user follows a link. */
bool auth_is_cross_site_subrequest(const struct auth_facts *facts);

/* Returns the origin of the page of this workspace that embeds the requested resource: in a frame,
 * or as a sub-resource that is fetched without CORS. Empty: no page, or one of another workspace or
 * site. */
struct str auth_embedder(const struct auth *a, const struct auth_facts *facts);

/*
 * Whether a script's CORS request to a port, or its preflight, was redirected here by a hand-over
 * from another of the workspace's hosts. Browsers then send "Origin: null" (Fetch Standard,
 * HTTP-redirect fetch), but Referer still names the page. Pages without an origin, such as
 * sandboxed frames, send no Referer.
 */
bool auth_is_handover_redirect(const struct auth *a, const struct auth_facts *facts);

/* Whether this preflight is for a request with this method that a hand-over is about to redirect to
 * this host and target. */
bool auth_expects_return(const struct auth *a, const struct auth_facts *facts, struct str method);

/* Returns the origin of the page that sent such a request, which v allows; empty: not such a
 * request. Call it once for each request. */
struct str auth_take_return(struct auth *a, const struct auth_facts *facts,
			    const struct auth_verdict *v, struct arena *arena);

/* Whether origin is the serialized origin of one of the workspace's hosts. */
bool auth_is_own_origin(const struct auth *a, struct str origin);

/* Whether one of our own pages sent the request, by Origin and Sec-Fetch-Site. Required for every
 * request that changes state. */
bool auth_is_same_origin(const struct auth *a, const struct auth_facts *facts);

#endif
