/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Edits of a pod that the steps of an injection share.
 */
#ifndef CONTAINER_INJECT_INJECT_EDIT_H
#define CONTAINER_INJECT_INJECT_EDIT_H

#include "container/inject/inject_private.h"

/* Return the map or the list at the key; create it if missing. */
struct node *inject_map_at(struct doc *d, struct node *map, const char *key);
struct node *inject_list_at(struct doc *d, struct node *map, const char *key);

/* Checks that an existing entry equals the wanted one; reports a difference as a problem. what: the
 * kind of the entry, such as "volume". */
bool inject_check_existing(struct inject *c, const char *what, const struct node *wanted,
			   const struct node *there);

/* Adds a mount to the IDE's container. A different mount of that volume is a problem. */
void inject_ensure_mount(struct inject *c, const char *volume, const char *path, bool read_only);

/* Sets an environment variable of the IDE's container. It is a problem if the author has set it
 * twice: the last value would count, and tools that merge manifests may keep either one. */
void inject_set_variable(struct inject *c, struct str name, struct str value);
bool inject_variable_is_unique(struct inject *c, struct str name);

#endif
