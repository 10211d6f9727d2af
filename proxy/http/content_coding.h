/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Content codings that this proxy applies to responses (RFC 9110 section 8.4): which responses are
 * worth compressing and safe to compress, which coding the client accepts, and what changes in the
 * head. Knows no compressor.
 *
 * A compressed response that reflects a request beside a secret lets an attacker guess the secret
 * by its length (BREACH). So only types that carry code are compressed; HTML and JSON only with
 * "Cache-Control: public", which means that they contain nothing personal.
 */
#ifndef PROXY_HTTP_CONTENT_CODING_H
#define PROXY_HTTP_CONTENT_CODING_H

#include "proxy/http/message.h"

enum content_coding { CONTENT_CODING_IDENTITY, CONTENT_CODING_GZIP, CONTENT_CODING_ZSTD };

/* Shorter bodies gain nothing: they fit into a packet as they are. */
#define CONTENT_CODING_LENGTH_MIN 1024u

/* The default of the setting COMPRESS_TYPES. */
#define CONTENT_CODING_TYPES                                                                       \
	"text/javascript,application/javascript,application/x-javascript,text/css,"                \
	"application/wasm,image/svg+xml,font/ttf,font/otf,application/vnd.ms-fontobject"

/* Whether a list of media types, separated by commas, is well-formed ("type/subtype", RFC 9110
 * section 8.3.1) and leaves out text/event-stream, which is never compressed. */
bool content_coding_types_are_valid(struct str types) MUST_CHECK;

/*
 * Whether a response to this request may be compressed for a client that accepts it. types: media
 * types separated by commas, those of COMPRESS_TYPES.
 */
bool content_coding_is_eligible(const struct request_head *request,
				const struct response_head *response, struct str types);

/* The coding that the client prefers among ours, by Accept-Encoding (RFC 9110 section 12.5.3). */
enum content_coding content_coding_choose(const struct headers *request);

/* Vary: Accept-Encoding, for every eligible response, compressed or not, so that caches keep the
 * representations apart. The list needs room for one field. */
void content_coding_add_vary(struct headers *response);

/*
 * Makes the head that of the compressed representation: Content-Encoding, no length, no ranges, a
 * weak ETag (RFC 9110 section 8.8.1). The list needs room for one field; strings come from the
 * arena. False without memory: the head is unchanged then.
 */
bool content_coding_apply(struct response_head *response, enum content_coding coding,
			  struct arena *a) MUST_CHECK;

/*
 * In a 304 to a client that asked with the weak form of the ETag, which it has from
 * content_coding_apply: the ETag that it holds, without which it could not tell which of its
 * responses is fresh (RFC 9111 section 4.3.4), and Vary. The list needs room for one field. Without
 * memory the head stays as it is.
 */
void content_coding_revalidate(const struct request_head *request, struct response_head *response,
			       struct arena *a);

#endif
