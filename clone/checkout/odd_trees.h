/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Trees that git would write differently: old versions of git and other programs wrote modes with
 * leading zeros, or with other permission bits than executable. The index must not name such a
 * tree for its files.
 */
#ifndef CLONE_CHECKOUT_ODD_TREES_H
#define CLONE_CHECKOUT_ODD_TREES_H

#include "base/str.h"

#define ODD_TREES_ID_BYTES 20u

struct odd_trees { /* initially zeroed */
	uint8_t (*ids)[ODD_TREES_ID_BYTES];
	size_t count, size;
};

/* False: out of memory. */
bool odd_trees_add(struct odd_trees *o, const uint8_t id[ODD_TREES_ID_BYTES]) MUST_CHECK;

/* Call it before odd_trees_has. */
void odd_trees_sort(struct odd_trees *o);

bool odd_trees_has(const struct odd_trees *o, const uint8_t id[ODD_TREES_ID_BYTES]);
void odd_trees_fini(struct odd_trees *o);

#endif
