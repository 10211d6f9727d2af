/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Absolute http and https URLs, hosts and ports, percent-encoding, query strings, and the check
 * that a return target stays on our own origin.
 */
#ifndef BASE_URL_H
#define BASE_URL_H

#include "base/arena.h"
#include "base/str.h"

#define URL_MAX_BYTES 8192

struct url {
	struct str scheme; /* "http" or "https", lower case */
	struct str host;   /* lower case, without brackets for IPv6 */
	uint16_t port;	   /* the scheme's default when the text has none */
	struct str path;   /* starts with '/', or is empty */
	struct str query;  /* without '?'; empty when there is none */
	bool host_is_ipv6;
};

/*
 * Parses an absolute http or https URL (RFC 3986) into copies in the arena. The error says what is
 * wrong: another scheme, userinfo, an empty or malformed host, a port outside 1..65535, a fragment,
 * control characters, spaces, backslashes, bytes above 0x7e, malformed percent-encoding.
 */
bool url_parse(struct url *u, struct str text, struct arena *a, struct err *e) MUST_CHECK;

/* Returns "https://host[:port]", without the default port (RFC 6454 section 6.1). */
char *url_origin(const struct url *u, struct arena *a) MUST_CHECK;

/* Returns origin and path, without a trailing '/' and a query. */
char *url_base(const struct url *u, struct arena *a) MUST_CHECK;

/* Appends what url_origin returns. */
bool url_add_origin(const struct url *u, struct buf *out);

/* Compares scheme, host and port (RFC 6454 section 5). */
bool url_is_same_origin(const struct url *a, const struct url *b);

uint16_t url_default_port(struct str scheme);

/*
 * Splits and validates an authority "host", "host:port" or "[v6]:port" (RFC 9110 section 7.2). The
 * host is a name of letters, digits, '-', '.' and '_', a dotted quad, or IPv6 in brackets. *port is
 * 0 when there is none. The views point into text and keep its case; *host has no brackets. Refuses
 * empty labels, a trailing dot, and numbers that are not a dotted quad ("127.1", "0x7f.1").
 */
bool url_split_authority(struct str text, struct str *host, uint16_t *port) MUST_CHECK;

/* Whether path is like "/a/b": segments of unreserved characters that do not start with '.', so
 * that all parsers agree on it without encoding; no trailing '/'. */
bool url_is_plain_path(struct str path);

/* Percent-encodes all but unreserved characters (RFC 3986 section 2.3). */
bool url_encode(struct buf *out, struct str s);

/* Decodes %XX, and '+' as a space if plus_is_space. False: malformed, or a NUL. */
bool url_decode(struct buf *out, struct str s, bool plus_is_space) MUST_CHECK;

/* Finds a parameter in a query or an application/x-www-form-urlencoded body. Compares names
 * decoded. Returns how often the name occurs; *value is the raw text of the first one. */
size_t url_query_find(struct str query, struct str name, struct str *value);

/*
 * Whether a browser that is redirected to `target` stays on our origin. Requires one '/', then
 * neither '/' nor '\'; no control or white-space character, raw or percent-encoded once or twice;
 * no byte above 0x7e; at most URL_MAX_BYTES. Before '?' and '#' also no '\' and no dot segment, raw
 * or encoded, which browsers never send. File names contain spaces, so "%20" is allowed unless it
 * is next to a '/' of the path. '+' is an ordinary byte, which browsers do not read as a space.
 */
bool url_is_local_target(struct str target);

#endif
