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

/* Bodies up to this size are not compressed: they fit into a packet. */
#define CONTENT_CODING_LENGTH_MIN 1024u

/* The default of the setting COMPRESS_TYPES. */
#define CONTENT_CODING_TYPES                                                                       \
	"text/javascript,application/javascript,application/x-javascript,text/css,"                \
	"application/wasm,image/svg+xml,font/ttf,font/otf,application/vnd.ms-fontobject"

/* Whether a list of media types, separated by commas, is well-formed ("type/subtype", RFC 9110
 * section 8.3.1) and leaves out text/event-stream, which is never compressed. */
bool content_coding_types_are_valid(struct str types) MUST_CHECK;

/* Whether the list has HTML or JSON, which are then compressed if they are private as well. */
bool content_coding_types_are_risky(struct str types) MUST_CHECK;

/*
 * Whether a response to this request may be compressed for a client that accepts it. types: media
 * types separated by commas, those of COMPRESS_TYPES.
 */
bool content_coding_is_eligible(const struct request_head *request,
				const struct response_head *response, struct str types);

/* Chooses the client's preferred coding among ours by Accept-Encoding (RFC 9110 section 12.5.3). */
enum content_coding content_coding_choose(const struct headers *request);

/* Adds Vary: Accept-Encoding, for every eligible response, compressed or not, so that caches
 * distinguish the representations. The list needs room for one field. */
void content_coding_add_vary(struct headers *response);

/*
 * Changes the head for the compressed representation: adds Content-Encoding, removes length and
 * ranges, makes the ETag weak (RFC 9110 section 8.8.1). The list needs room for one field; strings
 * come from the arena. False: out of memory; then the head is unchanged.
 */
bool content_coding_apply(struct response_head *response, enum content_coding coding,
			  struct arena *a) MUST_CHECK;

/*
 * For a 304 to a request with the weak form of the ETag, which content_coding_apply has made: sends
 * that form, because the client finds the fresh response by it (RFC 9111 section 4.3.4), and Vary.
 * The list needs room for one field. Leaves the head unchanged without memory.
 */
void content_coding_revalidate(const struct request_head *request, struct response_head *response,
			       struct arena *a);

#endif
