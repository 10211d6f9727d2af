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
 * Parses an absolute URL (RFC 3986) of scheme http or https. Refused with a message that says what
 * is wrong: other schemes, userinfo, empty or malformed hosts, ports outside 1..65535, fragments,
 * control characters, spaces, backslashes, bytes above 0x7e, malformed percent-encoding. Parts are
 * copies in the arena.
 */
bool url_parse(struct url *u, struct str text, struct arena *a, struct err *e) MUST_CHECK;

/* "https://host[:port]", the port only where it is not the default (RFC 6454 section 6.1). */
char *url_origin(const struct url *u, struct arena *a) MUST_CHECK;

/* The same, appended. */
bool url_add_origin(const struct url *u, struct buf *out);

/* Scheme, host and port (RFC 6454 section 5). */
bool url_is_same_origin(const struct url *a, const struct url *b);

uint16_t url_default_port(struct str scheme);

/*
 * Splits an authority "host", "host:port", "[v6]:port" (RFC 9110 section 7.2) and validates it:
 * reg-name of letters, digits, '-', '.', '_' ; dotted quad; or bracketed IPv6. *port is 0 when
 * absent. The views point into text; the case is kept, the brackets of IPv6 are not part of *host.
 * Empty labels, a dot at the end and numbers that are no dotted quad ("127.1", "0x7f.1") are
 * refused.
 */
bool url_split_authority(struct str text, struct str *host, uint16_t *port) MUST_CHECK;

/* "/a/b": segments of unreserved characters that don't start with '.', which need no encoding and
 * mean the same to every parser; no '/' at the end. */
bool url_is_plain_path(struct str path);

/* Percent-encodes everything but the unreserved characters (RFC 3986 section 2.3). */
bool url_encode(struct buf *out, struct str s);

/* Decodes %XX, and '+' as a space where plus_is_space. False for malformed or NUL results. */
bool url_decode(struct buf *out, struct str s, bool plus_is_space) MUST_CHECK;

/*
 * Looks a parameter up in a query or an application/x-www-form-urlencoded body. Returns how often
 * the name stands there (names are compared decoded); *value is the first one's raw text.
 */
size_t url_query_find(struct str query, struct str name, struct str *value);

/*
 * Whether a browser that is sent to `target` stays on our origin: one '/', then neither '/' nor
 * '\', no control or white-space character raw or percent-encoded (once or twice), no bytes above
 * 0x7e, at most URL_MAX_BYTES. Before '?' and '#' no '\' and no dot segment either, as neither
 * comes from a browser; raw or encoded like the rest. Names of files hold spaces, so "%20", encoded
 * once, is fine where it is not beside a '/' of the path. '+' is a byte like others: no browser
 * takes it for a space.
 */
bool url_is_local_target(struct str target);

#endif
