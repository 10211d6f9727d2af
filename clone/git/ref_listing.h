/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The listing of refs on its way from the server to libgit2 (gitprotocol-pack, "Reference
 * Discovery"): records capabilities that libgit2 does not expose, and removes the shallow commits
 * of a server that is itself a shallow clone, which libgit2 1.5 can't parse.
 */
#ifndef CLONE_GIT_REF_LISTING_H
#define CLONE_GIT_REF_LISTING_H

#include "base/str.h"

struct ref_listing {
	struct buf text; /* received and not passed on */
	size_t ready;	 /* bytes at its start that may be passed on */
	size_t received; /* bytes in all */
	bool is_broken;	 /* not packets: passed on unchanged */
	bool is_sha256;
	bool takes_ids; /* the server accepts wants of objects that it does not list */
};

void ref_listing_init(struct ref_listing *l);
void ref_listing_fini(struct ref_listing *l);

/* Adds received bytes; an empty view: the listing is complete. Appends ids of shallow commits to
 * *shallow, one per line. False: out of memory, or too many shallow commits. */
bool ref_listing_add(struct ref_listing *l, struct str received, struct buf *shallow) MUST_CHECK;

/* Copies what is ready; 0: more must be received first. */
size_t ref_listing_take(struct ref_listing *l, char *out, size_t size);

/* Whether a line of a listing, or of the answer to "deepen", names a shallow commit. */
bool ref_listing_is_shallow(struct str line, struct str *id);

#endif
