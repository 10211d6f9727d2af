/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Normalises the authority of a request ("host" or "host:port").
 */
#ifndef PROXY_HTTP_AUTHORITY_H
#define PROXY_HTTP_AUTHORITY_H

#include "base/arena.h"
#include "base/str.h"

/* Removes one dot at the end of the host's name, which makes it absolute in DNS: the same host.
 * False without memory. */
bool authority_remove_dot(struct str *authority, bool *has_dot, struct arena *a,
			  struct err *e) MUST_CHECK;

#endif
