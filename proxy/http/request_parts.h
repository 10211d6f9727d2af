/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Checks of the parts of a request that every protocol version has: method, target, host and
 * length. Each version's parser finds them, and refuses what does not pass here.
 */
#ifndef PROXY_HTTP_REQUEST_PARTS_H
#define PROXY_HTTP_REQUEST_PARTS_H

#include "proxy/http/message.h"

/* Whether it is a token (RFC 9110 section 9.1) of at most 32 bytes. */
bool request_is_method(struct str method);

/* Whether it is not empty, and visible ASCII without '#', which would start a fragment. */
bool request_is_target(struct str target);

/* Sets path and query from r->target. */
void request_split_target(struct request_head *r);

/* Requires exactly one valid Host field. Sets r->authority to it, unless the request target had an
 * authority, which must be valid as well and takes precedence (RFC 9112 section 3.2.2). */
bool request_check_host(struct request_head *r, struct arena *a, struct err *e) MUST_CHECK;

/* Parses Content-Length: decimal digits only, within the range of int64_t. */
bool request_is_length(struct str value, uint64_t *length);

#endif
