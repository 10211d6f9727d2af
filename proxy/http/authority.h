/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Normalises the authority of a request ("host" or "host:port").
 */
#ifndef PROXY_HTTP_AUTHORITY_H
#define PROXY_HTTP_AUTHORITY_H

#include "base/arena.h"
#include "base/str.h"

/* Removes a dot at the end of the host name, which names the same host (an absolute name in DNS),
 * and sets *has_dot. False without memory. */
bool authority_remove_dot(struct str *authority, bool *has_dot, struct arena *a,
			  struct err *e) MUST_CHECK;

#endif
