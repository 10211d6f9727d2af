/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Heads of HTTP/1 responses, and bodies of bounded length: the part of RFC 9112 that responses to
 * our own requests need.
 */
#ifndef SSH_CLIENT_HTTP_ANSWER_HEAD_H
#define SSH_CLIENT_HTTP_ANSWER_HEAD_H

#include "base/str.h"

/* Returns the status, 100 to 599; 0: not an HTTP/1 response head. */
unsigned answer_head_status(struct str head);

/* The first field of a name, which is in lower case; or the empty view. */
struct str answer_head_field(struct str head, struct str name);

enum answer_body_state { ANSWER_BODY_MORE, ANSWER_BODY_WHOLE, ANSWER_BODY_BAD };

/* Parses the bytes received after the head; fills body once it is complete. has_ended: the
 * connection was closed. */
enum answer_body_state answer_body_read(struct str head, struct str bytes, bool has_ended,
					struct buf *body);

#endif
