/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The addresses that follow from the settings: our own endpoints, GitLab's, and those of ports.
 */
#ifndef AUTH_ADDRESSES_H
#define AUTH_ADDRESSES_H

#include "auth/auth_private.h"

/* Fills the address fields of a from its settings. False: out of memory. */
bool addresses_build(struct auth *a) MUST_CHECK;

/* Returns the origin of the host that the request was sent to. */
struct str addresses_own_origin(const struct auth *a, const struct auth_facts *facts);

/* Whether origin is the serialized origin of one of the workspace's hosts. Sets the port of that
 * host; 0: the workspace's own. */
bool addresses_find_port(const struct auth *a, struct str origin, uint16_t *port) MUST_CHECK;

#endif
