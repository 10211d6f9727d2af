/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The .gitattributes files of a tree, added while it is walked in its order.
 */
#ifndef CLONE_CHECKOUT_TREE_ATTRIBUTES_H
#define CLONE_CHECKOUT_TREE_ATTRIBUTES_H

#include "clone/checkout/attributes.h"
#include "clone/git/git_steps.h"

/* Adds the .gitattributes of a folder ("" or "a/b/"), if there is one. False: see t->failure. */
bool tree_attributes_push(struct transfer *t, struct attributes *a, const git_tree *tree,
			  struct str folder) MUST_CHECK;

/* As tree_attributes_push, for a folder below `parent` that is given by its tree entry. */
bool tree_attributes_enter(struct transfer *t, struct attributes *a, const char *parent,
			   const git_tree_entry *entry) MUST_CHECK;

/* Finds the values for a file; call it in the tree's order. False: see t->failure, for example no
 * steps left. */
bool tree_attributes_find(struct transfer *t, struct attributes *a, const char *path,
			  struct attribute_value values[ATTRIBUTES]) MUST_CHECK;

#endif
