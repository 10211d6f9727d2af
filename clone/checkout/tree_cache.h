/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The index's TREE extension (gitformat-index, "Cache tree"): the ids of the trees that its entries
 * form, with which `git status` and `git commit` skip unchanged folders. Collected while a tree is
 * walked in its order.
 */
#ifndef CLONE_CHECKOUT_TREE_CACHE_H
#define CLONE_CHECKOUT_TREE_CACHE_H

#include "base/str.h"

#define TREE_CACHE_ID_BYTES 20u
/* Limit of the extension; indexes of trees with more folders have none. */
#define TREE_CACHE_MAX_BYTES (32u * 1024u * 1024u)

struct tree_cache;

/* id: of the root's tree, or NULL if git would write another tree for the same files. NULL: out of
 * memory. */
struct tree_cache *tree_cache_new(const uint8_t *id) MUST_CHECK;
void tree_cache_free(struct tree_cache *c);

/* Adds an entry of `folder` ("" or "a/b/"). Add entries in the order of the walk, folders before
 * their content. id as above. */
void tree_cache_add_folder(struct tree_cache *c, const char *folder, const char *name,
			   const uint8_t *id);
void tree_cache_add_file(struct tree_cache *c, const char *folder);

/* Appends the extension's content. False: too large, or out of memory; leave out the extension. */
bool tree_cache_write(struct tree_cache *c, struct buf *out) MUST_CHECK;

#endif
