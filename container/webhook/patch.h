/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The difference between two documents as a JSON Patch (RFC 6902).
 */
#ifndef CONTAINER_WEBHOOK_PATCH_H
#define CONTAINER_WEBHOOK_PATCH_H

#include "container/yaml/node.h"

/* Appends "[…]": applied to before it gives after. Operations add, remove and replace only; what is
 * equal is not touched. False when out is full. */
bool patch_write(const struct node *before, const struct node *after, struct buf *out) MUST_CHECK;

#endif
