/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two packed-refs files (gitrepository-layout) made one: all of the one that is there, and of the
 * other what does not stand in the way of anything. Text only: touches no file.
 */
#ifndef CLONE_HISTORY_REF_MERGE_H
#define CLONE_HISTORY_REF_MERGE_H

#include "base/str.h"

/* Names of refs, sorted as strcmp does. */
struct ref_names {
	const char *const *names;
	size_t count;
};

/* Whether a ref of this name can stand beside those: it is none of them, and neither a folder of
 * one nor within one. */
bool ref_names_has_room(const struct ref_names *taken, struct str name) MUST_CHECK;

/*
 * Adds to `out` what `old` has, unchanged, and those refs of `fresh` for which there is room beside
 * `taken`, which names at least all of `old`; *added tells how many those are. ERR_PROTOCOL when
 * either is no packed-refs file.
 */
bool ref_merge(struct str old, struct str fresh, const struct ref_names *taken, struct buf *out,
	       size_t *added, struct err *e) MUST_CHECK;

#endif
