/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The difference between two documents as a JSON Patch (RFC 6902).
 */
#ifndef CONTAINER_WEBHOOK_PATCH_H
#define CONTAINER_WEBHOOK_PATCH_H

#include "container/yaml/node.h"

/* Appends the patch that turns before into after, as a JSON array of add, remove and replace
 * operations. False if out is full. */
bool patch_write(const struct node *before, const struct node *after, struct buf *out) MUST_CHECK;

/* Applies such operations to the document. False: they do not match it, or d has failed; the
 * document may be partly changed. */
bool patch_apply(struct doc *d, struct node *root, const struct node *operations) MUST_CHECK;

#endif
