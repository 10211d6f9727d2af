/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Trailer sections of responses (RFC 9110 section 6.5). They are forwarded to clients that sent
 * "TE: trailers". Recipients may merge them into the head, so only fields are forwarded that do not
 * affect framing, routing, authentication, caching or presentation (section 6.5.1).
 */
#ifndef PROXY_HTTP_TRAILERS_H
#define PROXY_HTTP_TRAILERS_H

#include "proxy/http/message.h"

/* Whether the client accepts trailers: HTTP/1.1, "TE: trailers" (RFC 9110 section 10.1.4), and a
 * method whose response may have a body. */
bool trailers_are_accepted(const struct request_head *r, bool is_http10);

/* Parses count lines with CRLF, which http1_body_decode has checked. False: out of memory. */
bool trailers_parse(struct str lines, size_t count, struct headers *h, struct arena *a) MUST_CHECK;

/* Removes fields that must not be sent as trailers. is_recoded: the proxy has compressed the
 * content, so that fields about its original bytes (Content-Digest, ETag …) are removed as well. */
void trailers_filter(struct headers *h, bool is_recoded);

/* Whether a Trailer field (RFC 9110 section 6.6.2) only announces trailers that are forwarded. */
bool trailers_may_be_announced(struct str value);

#endif
