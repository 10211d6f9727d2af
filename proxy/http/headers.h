/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Header fields of one message: a bounded list of views, each with the id of its name if the name
 * is known.
 *
 * Known names are recognized in any case and with any other character in place of '-', because CGI
 * and PHP map every byte that is not a letter or digit to '_': no spelling evades a check.
 */
#ifndef PROXY_HTTP_HEADERS_H
#define PROXY_HTTP_HEADERS_H

#include "base/arena.h"
#include "base/str.h"

enum header_id {
	HEADER_OTHER,
	HEADER_ACCEPT,
	HEADER_AUTHORIZATION,
	HEADER_CONNECTION,
	HEADER_CONTENT_LENGTH,
	HEADER_CONTENT_TYPE,
	HEADER_COOKIE,
	HEADER_DATE,
	HEADER_EXPECT,
	HEADER_HOST,
	HEADER_KEEP_ALIVE,
	HEADER_MAX_FORWARDS,
	HEADER_ORIGIN,
	HEADER_PROXY_AUTHENTICATE,
	HEADER_PROXY_AUTHORIZATION,
	HEADER_PROXY_CONNECTION,
	HEADER_SEC_WEBSOCKET_ACCEPT,
	HEADER_SEC_WEBSOCKET_KEY,
	HEADER_SEC_WEBSOCKET_VERSION,
	HEADER_SET_COOKIE,
	HEADER_TE,
	HEADER_TRAILER,
	HEADER_TRANSFER_ENCODING,
	HEADER_UPGRADE,
	HEADER_VIA,
	HEADER_STRICT_TRANSPORT_SECURITY,
	HEADER_X_REQUEST_ID,
	/* X-Forwarded-*, Forwarded, X-Real-IP and other names by which applications learn the
	 * client's address or the original URL from a proxy. */
	HEADER_FORWARDING,
	/* X-Auth-Request-*, Remote-User and other names by which applications learn from a proxy
	 * who the user is. */
	HEADER_REMOTE_IDENTITY,
};

struct header {
	struct str name;
	struct str value;
	enum header_id id;
};

struct headers {
	struct header *items;
	size_t count;
	size_t size; /* capacity of items */
	/* A bit for each id in the list, and for each id that was added more than once. Bits remain
	 * set when fields are removed. */
	uint32_t ids;
	uint32_t repeated_ids;
};

/* Allocates room for size fields from the arena. */
bool headers_init(struct headers *h, size_t size, struct arena *a) MUST_CHECK;

/* Adds a field. False if the list is full; headers_add_own asserts that it is not. */
bool headers_add(struct headers *h, struct str name, struct str value) MUST_CHECK;
void headers_add_own(struct headers *h, struct str name, struct str value);

void headers_remove(struct headers *h, enum header_id id);

/* Whether Connection names fields, rather than only options such as "close". */
bool headers_nominate_fields(const struct headers *h);

/* Marks the field as hop-by-hop, so that it is not forwarded. */
void headers_mark_hop_by_hop(struct headers *h, size_t index);

/* Returns the size in bytes of all fields in a message head. */
size_t headers_size(const struct headers *h);

/* Returns the number of fields with this id and sets *value to that of the first. */
size_t headers_find(const struct headers *h, enum header_id id, struct str *value);

/* Whether there is a field with this id. */
bool headers_has(const struct headers *h, enum header_id id);

/* Returns the value of the index-th field (from 0) with exactly this name, which is given in lower
 * case; STR_NONE if there are fewer. Unlike ids, '_' does not match '-'. */
struct str headers_get(const struct headers *h, struct str lower_name, size_t index);

/* Whether a list field (RFC 9110 section 5.6.1) contains the token in any of its lines. */
bool headers_has_token(const struct headers *h, enum header_id id, struct str token);

/* Whether fields with this id are hop-by-hop (RFC 9110 section 7.6.1). */
bool header_is_hop_by_hop(enum header_id id);
enum header_id header_identify(struct str name);

/* Whether the folded name begins with these lower-case characters. */
bool header_folds_to_prefix(struct str name, struct str lower);

/* Letters in lower case, digits as they are, and '-' for other token characters (RFC 9110 section
 * 5.6.2). 0 for bytes that are not token characters. */
extern const unsigned char header_fold_table[256];

static inline bool
header_is_token_char(unsigned char c)
{
	return header_fold_table[c] != 0;
}

/* Whether the name has '-' wherever the folded name has it. */
bool header_has_registered_name(const struct header *field);

#endif
