/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Header fields of one message: a bounded list of views, each with the identity of the names that
 * we know.
 *
 * Names are compared after folding case and '_' to '-' (servers behind us may do the same), so that
 * a spelling can't slip past a check.
 */
#ifndef PROXY_HTTP_HEADERS_H
#define PROXY_HTTP_HEADERS_H

#include "base/arena.h"
#include "base/str.h"

enum header_id {
	HEADER_OTHER,
	HEADER_ACCEPT,
	HEADER_CONNECTION,
	HEADER_CONTENT_LENGTH,
	HEADER_COOKIE,
	HEADER_DATE,
	HEADER_EXPECT,
	HEADER_FORWARDED,
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
	HEADER_X_FORWARDED, /* any name that starts with X-Forwarded- */
	HEADER_X_REAL_IP,
	HEADER_X_REQUEST_ID,
	HEADER_REMOTE_IDENTITY, /* X-Auth-Request-*, Remote-User and the like: names that apps take
				   for an identity */
};

struct header {
	struct str name;
	struct str value;
	enum header_id id;
};

struct headers {
	struct header *items;
	size_t count;
	size_t size;  /* room in items */
	uint32_t ids; /* a bit for each identity that was given; one that went may still be set */
};

/* Room for size fields, from the arena. */
bool headers_init(struct headers *h, size_t size, struct arena *a) MUST_CHECK;

/* False when the room is used up. */
bool headers_add(struct headers *h, struct str name, struct str value) MUST_CHECK;

/* For fields of ours, in a list that was given room for them. */
void headers_add_own(struct headers *h, struct str name, struct str value);

/* From now on the field ends here, as those do that are for one hop alone. */
void headers_end_here(struct headers *h, size_t index);

/* Bytes that the fields take in a head. */
size_t headers_size(const struct headers *h);

/* How many fields have this identity; *value is the first one's. */
size_t headers_find(const struct headers *h, enum header_id id, struct str *value);

/* The index-th value of a name given in lower case; STR_NONE past the last. Exact spelling but for
 * case. */
struct str headers_get(const struct headers *h, struct str lower_name, size_t index);

/* Whether a comma-separated list field (RFC 9110 section 5.6.1) holds the token, in any of its
 * lines. */
bool headers_has_token(const struct headers *h, enum header_id id, struct str token);

/* Connection, Keep-Alive, TE, Trailer, Transfer-Encoding, Upgrade, Proxy-* (RFC 9110
 * section 7.6.1). */
bool header_is_hop_by_hop(enum header_id id);

enum header_id header_identify(struct str name);

/* Whether the name is written as registered, but for case: no '_' stands for a '-'. */
bool header_is_spelled(const struct header *field);

#endif
