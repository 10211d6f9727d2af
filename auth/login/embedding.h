/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Requests that a page of this workspace makes by itself: for a frame, or for an image, script or
 * other sub-resource on another of the workspace's hosts. They are signed in to a port without a
 * navigation (docs/decisions/0008-hand-over-to-ports.md).
 *
 * Workspaces of one zone are the same site to browsers, so neither SameSite nor Sec-Fetch-Site
 * tells their pages apart. Referer does: a page can leave it out, but not forge it.
 */
#ifndef AUTH_LOGIN_EMBEDDING_H
#define AUTH_LOGIN_EMBEDDING_H

#include "auth/auth_private.h"

/*
 * Returns the origin of the page of this workspace that embeds the requested resource: in a frame,
 * or as a sub-resource that is fetched without CORS. Empty: no page, or a page of another workspace
 * or site.
 */
struct str embedding_find(const struct auth *a, const struct auth_facts *facts);

/* Returns the page of this workspace that sends a CORS request to the host of a port (see
 * auth/login/cors_returns.h); CORS_PAGE_NONE: another kind of request, such as a preflight. */
uint32_t embedding_find_cors(const struct auth *a, const struct auth_facts *facts);

/*
 * Whether such a request, or its preflight, was redirected from another of our hosts. Browsers then
 * send "Origin: null" (Fetch Standard, HTTP-redirect fetch), but Referer still names the page.
 * Pages without an origin, such as sandboxed frames, send no Referer.
 */
bool embedding_is_handed_on(const struct auth *a, const struct auth_facts *facts);

/* Fills v for a request without a session that is not a navigation: 401, with the URL to sign in.
 * In a frame that URL leads back to the requested resource. */
void embedding_refuse(struct auth *a, const struct auth_facts *facts, struct auth_verdict *v);

#endif
