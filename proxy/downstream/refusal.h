/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The error response to a request without an exchange, because it could not be parsed or did not
 * arrive in time: fields and body, for every protocol version.
 */
#ifndef PROXY_DOWNSTREAM_REFUSAL_H
#define PROXY_DOWNSTREAM_REFUSAL_H

#include "proxy/proxy.h"

#define REFUSAL_FIELDS 20u

struct refusal {
	struct header items[REFUSAL_FIELDS];
	struct headers headers; /* without framing */
	struct buf body;	/* empty without memory */
};

/* Whether to respond with HTML, as far as a possibly incomplete head or Accept field shows. */
bool refusal_is_html(struct str head);

void refusal_init(struct refusal *r, struct proxy *p, unsigned status, bool is_html);
void refusal_fini(struct refusal *r);

#endif
