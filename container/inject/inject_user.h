/* SPDX-License-Identifier: Apache-2.0 */
/*
 * User ids of the sidecar and the IDE, and the group that they share.
 */
#ifndef CONTAINER_INJECT_INJECT_USER_H
#define CONTAINER_INJECT_INJECT_USER_H

#include "container/inject/inject_private.h"

/* Whether the sidecar has a user id that no other container has. */
bool inject_has_own_user(const struct inject *c);

/* Return the user id of the IDE, or a negative number if only its image defines it; and the user id
 * of the sidecar, if the pod sets it. */
int64_t inject_ide_user(const struct inject *c);
int64_t inject_sidecar_user(const struct inject *c);

/* Returns the group that shares a clone; negative: none. The pod gets it before its volumes are
 * made. */
int64_t inject_shared_group(const struct inject *c);
void inject_ensure_group(struct inject *c);

void inject_check_users(struct inject *c);

/* Sets the user in a securityContext of ours. */
void inject_set_user(struct inject *c, struct node *context);

#endif
