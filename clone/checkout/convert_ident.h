/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Expansion of $Id$ (gitattributes(5), "ident"). git has two implementations that agree on plain
 * keywords and differ on malformed ones. Both are reproduced exactly, because the content has to
 * be the same as git's.
 */
#ifndef CLONE_CHECKOUT_CONVERT_IDENT_H
#define CLONE_CHECKOUT_CONVERT_IDENT_H

#include "base/str.h"

/* Expands $Id$ in content that git has in memory as a whole. id: of the blob, in hexadecimal. */
bool convert_ident_whole(struct str in, const char *id, struct buf *out) MUST_CHECK;

/* Expands $Id$ in content that git streams. */
bool convert_ident_stream(struct str in, const char *id, struct buf *out) MUST_CHECK;

#endif
