/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Conversion of a blob to the content of a file, as git does at checkout: `ident`, line endings and
 * `working-tree-encoding` (gitattributes(5), "Checking-out and checking-in"). Filter programs are
 * not configured in a fresh clone and never run.
 */
#ifndef CLONE_CHECKOUT_CONVERT_H
#define CLONE_CHECKOUT_CONVERT_H

#include "clone/checkout/attributes.h"

#define CONVERT_ENCODING_MAX 128u

struct conversion {
	bool adds_cr;	 /* LF is converted to CRLF */
	bool is_guessed; /* adds_cr applies only to what looks like text without CRLF */
	bool has_ident;	 /* $Id$ is expanded */
	/* git converts content either as a whole or as a stream; the two find different $Id$. */
	bool is_whole;
	bool has_bad_encoding;		     /* working-tree-encoding without a value */
	char encoding[CONVERT_ENCODING_MAX]; /* "": none */
};

void conversion_init(struct conversion *c, const struct attribute_value values[ATTRIBUTES]);

/* Whether content may change at all. */
bool conversion_is_needed(const struct conversion *c);

enum convert_result {
	CONVERT_UNCHANGED, /* out is not used */
	CONVERT_CHANGED,
	/* The encoding is unknown or lacks characters: out has all but that conversion, as git
	 * writes it. */
	CONVERT_NOT_ENCODED,
	CONVERT_FAILED, /* out of memory, or out is full */
};

/* Converts a blob for the work tree. id: of the blob, in hexadecimal. */
enum convert_result convert_to_worktree(const struct conversion *c, struct str in, const char *id,
					struct buf *out);

#endif
