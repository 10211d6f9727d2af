/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One line of a .gitattributes file: a pattern or the name of a macro, and assignments.
 */
#ifndef CLONE_CHECKOUT_ATTRIBUTES_LINE_H
#define CLONE_CHECKOUT_ATTRIBUTES_LINE_H

#include "base/arena.h"
#include "clone/checkout/attributes.h"

/* git ignores lines of this length and above. */
#define ATTRIBUTES_LINE_MAX 2048u

struct attribute_pattern {
	struct str text;
	size_t literal_len; /* bytes before the first wildcard */
	bool is_name;	    /* without '/': matches names in all folders below */
	bool is_suffix;	    /* '*' and no further wildcard */
};

enum attributes_line_kind {
	ATTRIBUTES_LINE_IGNORED,
	ATTRIBUTES_LINE_RULE,
	ATTRIBUTES_LINE_MACRO,
};

struct attributes_line {
	enum attributes_line_kind kind;
	struct attribute_pattern pattern; /* of a rule */
	struct str macro;		  /* its name */
	struct str states;
};

/* Removes the next line from *text. Unquotes patterns in the arena; ignores the line if that is
 * full. False: there is no line left. */
bool attributes_line_read(struct str *text, struct attributes_line *line,
			  struct arena *arena) MUST_CHECK;

/* Removes the next assignment from *states, which are all valid. */
bool attributes_line_next(struct str *states, struct str *name,
			  struct attribute_value *value) MUST_CHECK;

/* Whether a file matches. path: relative to the folder of the .gitattributes; name: its last part.
 * Counts steps as wildmatch_within does. */
bool attributes_line_matches(const struct attribute_pattern *p, struct str path, struct str name,
			     uint64_t *steps_left);

#endif
