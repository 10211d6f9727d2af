/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Trailer sections of responses (RFC 9110 section 6.5). They are forwarded to clients that sent
 * "TE: trailers". Recipients may merge them into the head, so that only fields pass which change
 * nothing of how a message is framed, routed, authenticated, cached or shown (section 6.5.1).
 */
#ifndef PROXY_HTTP_TRAILERS_H
#define PROXY_HTTP_TRAILERS_H

#include "proxy/http/message.h"

/* Whether the client of this request takes trailers: "TE: trailers" of HTTP/1.1 (RFC 9110 section
 * 10.1.4), and a method whose response may have a body. */
bool trailers_are_accepted(const struct request_head *r, bool is_http10);

/* Splits count lines with CRLF, as the decoder of chunked bodies has checked them. False without
 * memory. */
bool trailers_parse(struct str lines, size_t count, struct headers *h, struct arena *a) MUST_CHECK;

/* Removes what must not be sent as a trailer. is_recoded: the proxy compressed the content, so that
 * fields about the bytes as they were (Content-Digest, ETag …) are removed as well. */
void trailers_filter(struct headers *h, bool is_recoded);

/* Whether the value of a Trailer field (RFC 9110 section 6.6.2) is a list of names that pass. */
bool trailers_may_be_announced(struct str value);

#endif
