/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Keeps cookies of an upstream on its own host (RFC 6265 section 5.2.3): a Domain attribute above
 * the host would send them to all workspaces of the zone.
 */
#ifndef PROXY_HTTP_SET_COOKIE_H
#define PROXY_HTTP_SET_COOKIE_H

#include "proxy/http/headers.h"

/*
 * Removes Domain attributes for parent domains of host (without port) from all Set-Cookie fields,
 * so that browsers send the cookies to this host only. Removes Clear-Site-Data, which also clears
 * cookies of other hosts. False: out of memory.
 */
bool set_cookie_confine(struct headers *h, struct str host, struct arena *a) MUST_CHECK;

#endif
