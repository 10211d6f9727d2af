/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads the request to share a port, as a form or as JSON (docs/ports.md): strictly, field by
 * field.
 */
#ifndef AUTH_SHARE_SHARE_REQUEST_H
#define AUTH_SHARE_SHARE_REQUEST_H

#include "auth/share/port_share.h"
#include "base/arena.h"

/* NULL, or a sentence that names the field that is wrong, in the arena or a literal. Whether the
 * settings allow the terms is not checked. */
const char *share_request_read(struct str body, bool is_json, struct port_share_terms *terms,
			       struct arena *arena);

#endif
