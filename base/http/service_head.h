/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads and checks the head of a request to base/http/service.
 *
 * Input: bytes; output: the parsed head or an error status. No sockets. Chunked bodies and
 * unknown methods are rejected here, as are heads that RFC 9112 does not allow. One Host field is
 * required (HTTP/1.0: at most one); its value and the authority of a target are not used, because
 * the service is the same for all names.
 */
#ifndef BASE_HTTP_SERVICE_HEAD_H
#define BASE_HTTP_SERVICE_HEAD_H

#include "base/str.h"

#define SERVICE_HEAD_MAX_FIELDS 64

struct service_head {
	struct str method;
	struct str path;  /* raw, without the query */
	struct str query; /* raw, without '?' */
	uint64_t body_len;
	bool expects_continue;
	bool is_http10;
	bool wants_close; /* Connection: close */
};

/* Parses a head that ends with its empty line. Returns 0, or the status that refuses the
 * request. */
unsigned service_head_read(struct str head, struct service_head *h) MUST_CHECK;

/* Returns the reason phrase of a status. */
const char *service_head_reason(unsigned status);

#endif
