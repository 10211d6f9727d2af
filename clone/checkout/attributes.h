/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Attributes of paths (gitattributes(5)) as git reads them from a tree at checkout: the parser of
 * .gitattributes files, macros, and the lookup. libgit2's engine differs in patterns, macros and
 * quoting. Pure functions over untrusted text.
 */
#ifndef CLONE_CHECKOUT_ATTRIBUTES_H
#define CLONE_CHECKOUT_ATTRIBUTES_H

#include "base/str.h"

/* Limit of one file, and of the memory for all files that apply to a path. */
#define ATTRIBUTES_FILE_MAX_BYTES   (16u * 1024u * 1024u)
#define ATTRIBUTES_MEMORY_MAX_BYTES (128u * 1024u * 1024u)
/* Limit for parsing and matching in a whole tree: about ten seconds, enough for a million files
 * with a thousand patterns each. */
#define ATTRIBUTES_STEPS (1ull << 32)

/* The attributes that determine the content of files. */
enum attribute {
	ATTRIBUTE_TEXT,
	ATTRIBUTE_CRLF,
	ATTRIBUTE_EOL,
	ATTRIBUTE_IDENT,
	ATTRIBUTE_ENCODING, /* working-tree-encoding */
	ATTRIBUTE_FILTER,
	ATTRIBUTES,
};

enum attribute_state {
	ATTRIBUTE_UNKNOWN, /* no line sets the attribute */
	ATTRIBUTE_TRUE,
	ATTRIBUTE_FALSE,
	ATTRIBUTE_UNSPECIFIED, /* "!attribute" */
	ATTRIBUTE_VALUE,
};

struct attribute_value {
	enum attribute_state state;
	struct str text; /* of ATTRIBUTE_VALUE; valid until the file is popped */
};

struct attributes;

/* NULL: out of memory. steps: ATTRIBUTES_STEPS, or less in tests. */
struct attributes *attributes_new(uint64_t steps);
void attributes_free(struct attributes *a);

/*
 * Adds the .gitattributes of a folder ("" or "a/b/"), which must be below the folder of the
 * previous file. Only the first file, that of the root, defines macros. Ignores the lines that git
 * ignores. ERR_LIMIT: too large, or no steps left.
 */
bool attributes_push(struct attributes *a, struct str folder, struct str text,
		     struct err *e) MUST_CHECK;

/* Drops the files of folders that do not contain the path. */
void attributes_leave(struct attributes *a, struct str path);

/* Finds the values for a file, after the .gitattributes of its folders were pushed. ERR_LIMIT: no
 * steps left. */
bool attributes_find(struct attributes *a, struct str path,
		     struct attribute_value values[ATTRIBUTES], struct err *e) MUST_CHECK;

#endif
