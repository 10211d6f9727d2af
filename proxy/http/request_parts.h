/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Checks of the parts of a request that every protocol version has: method, target, host and
 * length. Each version's parser finds them, and refuses what does not pass here.
 */
#ifndef PROXY_HTTP_REQUEST_PARTS_H
#define PROXY_HTTP_REQUEST_PARTS_H

#include "proxy/http/message.h"

/* A token of reasonable length (RFC 9110 section 9.1). */
bool request_is_method(struct str method);

/* Not empty, visible ASCII without '#', which would start a fragment. */
bool request_is_target(struct str target);

/* Sets path and query from r->target. */
void request_split_target(struct request_head *r);

/* Requires exactly one valid Host field. r->authority, if the target named one, wins over Host (RFC
 * 9112 section 3.2.2) and has to be valid as well; otherwise it becomes that of Host. */
bool request_check_host(struct request_head *r, struct arena *a, struct err *e) MUST_CHECK;

/* Content-Length: decimal digits only, within the range of int64_t. */
bool request_is_length(struct str value, uint64_t *length);

#endif
