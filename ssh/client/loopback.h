/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A listener on 127.0.0.1 for one redirect of a browser (RFC 8252 section 7.3).
 */
#ifndef SSH_CLIENT_LOOPBACK_H
#define SSH_CLIENT_LOOPBACK_H

#include "base/str.h"

struct loopback {
	int fd;
	uint16_t port;
	const char *state;  /* of the request for a code; set by the caller, like issuer */
	const char *issuer; /* the origin that may answer it (RFC 9207) */
};

bool loopback_open(struct loopback *l, struct err *e) MUST_CHECK;
void loopback_close(struct loopback *l);

/* Waits until the deadline (monotonic) for "GET /?code=…&state=…&iss=…" with this state, and copies
 * the code. Other requests get an error, and the wait goes on. ERR_DENIED: the code is of another
 * issuer. */
bool loopback_wait(const struct loopback *l, uint64_t deadline_ms, char *code, size_t code_size,
		   struct err *e) MUST_CHECK;

#endif
