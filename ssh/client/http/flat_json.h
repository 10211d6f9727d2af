/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads the strings of a JSON object (RFC 8259) in place, and writes such an object in one step:
 * enough for the sidecar's short responses and for our own files, without a library.
 */
#ifndef SSH_CLIENT_HTTP_FLAT_JSON_H
#define SSH_CLIENT_HTTP_FLAT_JSON_H

#include "base/str.h"

#define FLAT_JSON_MEMBERS 32u
#define FLAT_JSON_DEPTH	  8u /* of values that are skipped */

struct flat_json_member { /* views of the text */
	struct str name;
	struct str value;
};

struct flat_json {
	struct flat_json_member members[FLAT_JSON_MEMBERS];
	size_t count;
};

/* Parses a text that is one object, and decodes its strings in place. Members with other values
 * than strings are checked and left out. False: malformed, a name or a string with a NUL, a name
 * twice, or more than FLAT_JSON_MEMBERS strings. */
bool flat_json_parse(struct flat_json *j, char *text, size_t len) MUST_CHECK;

/* The value of a member; or the empty view. */
struct str flat_json_get(const struct flat_json *j, const char *name);

/* Appends an object of these members. */
bool flat_json_write(struct buf *out, const struct flat_json_member *members, size_t count);

#endif
