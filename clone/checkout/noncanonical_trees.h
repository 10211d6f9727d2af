/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Trees that git would write differently: old versions of git and other programs wrote modes with
 * leading zeros, or with other permission bits than executable. The index must not name such a
 * tree for its files.
 */
#ifndef CLONE_CHECKOUT_NONCANONICAL_TREES_H
#define CLONE_CHECKOUT_NONCANONICAL_TREES_H

#include "base/str.h"

#define NONCANONICAL_TREES_ID_BYTES 20u

struct noncanonical_trees { /* initially zeroed */
	uint8_t (*ids)[NONCANONICAL_TREES_ID_BYTES];
	size_t count, size;
};

/* False: out of memory. */
bool noncanonical_trees_add(struct noncanonical_trees *o,
			    const uint8_t id[NONCANONICAL_TREES_ID_BYTES]) MUST_CHECK;

/* Call it before noncanonical_trees_has. */
void noncanonical_trees_sort(struct noncanonical_trees *o);

bool noncanonical_trees_has(const struct noncanonical_trees *o,
			    const uint8_t id[NONCANONICAL_TREES_ID_BYTES]);
void noncanonical_trees_fini(struct noncanonical_trees *o);

#endif
