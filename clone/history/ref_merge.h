/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Merges two packed-refs files (gitrepository-layout): all refs of the existing file, and those of
 * the other that do not conflict. Pure functions over text.
 */
#ifndef CLONE_HISTORY_REF_MERGE_H
#define CLONE_HISTORY_REF_MERGE_H

#include "base/str.h"

/* Ref names in strcmp order. */
struct ref_names {
	const char *const *names;
	size_t count;
};

/* Whether a ref of this name can be added: it is not taken, and neither a prefix directory of a
 * taken name nor below one. */
bool ref_names_has_room(const struct ref_names *taken, struct str name) MUST_CHECK;

/*
 * Appends `old` unchanged and those refs of `fresh` that do not conflict with `taken`, which
 * includes at least all names of `old`. *added is their number. ERR_PROTOCOL if either is not a
 * packed-refs file.
 */
bool ref_merge(struct str old, struct str fresh, const struct ref_names *taken, struct buf *out,
	       size_t *added, struct err *e) MUST_CHECK;

#endif
