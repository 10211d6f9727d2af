/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pointer files of Git LFS (git-lfs docs/spec.md). Pure functions over untrusted text.
 */
#ifndef CLONE_LFS_LFS_POINTER_H
#define CLONE_LFS_LFS_POINTER_H

#include "base/str.h"

#define LFS_OID_BYTES  32u
#define LFS_OID_DIGITS 64u
/* git-lfs treats larger files as content. */
#define LFS_POINTER_MAX_BYTES 1024u

struct lfs_pointer {
	uint8_t oid[LFS_OID_BYTES]; /* SHA-256 of the content */
	uint64_t size;		    /* of the content, bytes; at most INT64_MAX */
};

/* False: no pointer file, or one with extensions, which would require other programs. */
bool lfs_pointer_parse(struct lfs_pointer *p, struct str text) MUST_CHECK;

/* Lower-case hexadecimal, NUL-terminated. */
void lfs_pointer_format_oid(const struct lfs_pointer *p, char out[LFS_OID_DIGITS + 1]);

/* Orders by oid, then by size, as strcmp. */
int lfs_pointer_compare(const struct lfs_pointer *a, const struct lfs_pointer *b);

#endif
