/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The URLs and origins that follow from the settings: of our own endpoints, GitLab, and ports.
 */
#ifndef AUTH_URLS_H
#define AUTH_URLS_H

#include "auth/auth_private.h"

/* Fills the URL fields of a from its settings. False: out of memory. */
bool urls_build(struct auth *a) MUST_CHECK;

/* Returns the origin of the host that the request was sent to. */
struct str urls_own_origin(const struct auth *a, const struct auth_facts *facts);

/* Whether origin is the serialized origin of one of the workspace's hosts. Sets the port of that
 * host; 0: the workspace's own. */
bool urls_find_port(const struct auth *a, struct str origin, uint16_t *port) MUST_CHECK;

#endif
