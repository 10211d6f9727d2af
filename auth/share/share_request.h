/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads the request to share a port, as a form or as JSON (docs/ports.md): strictly, field by
 * field.
 */
#ifndef AUTH_SHARE_SHARE_REQUEST_H
#define AUTH_SHARE_SHARE_REQUEST_H

#include "auth/share/port_share.h"
#include "base/arena.h"

/* Reads a request. Returns NULL, or a sentence, a literal or in the arena, that names the wrong
 * field. Does not check whether the settings allow the terms. */
const char *share_request_read(struct str body, bool is_json, struct port_share_terms *terms,
			       struct arena *arena);

#endif
