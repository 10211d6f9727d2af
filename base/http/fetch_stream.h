/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Blocking HTTP(S) client for answers of any length, read piece by piece, for child processes that
 * may block.
 *
 * One request at a time, the connection is kept between them; HTTP/2 where the server offers it.
 * Data is received only as fast as it is read. Certificates and host names (also IP addresses) are
 * always verified; redirects are reported, never followed. Proxies of the environment
 * (HTTPS_PROXY, NO_PROXY) are used as curl does. Nothing of a request is logged.
 */
#ifndef BASE_HTTP_FETCH_STREAM_H
#define BASE_HTTP_FETCH_STREAM_H

#include "base/net/cidr.h"
#include "base/secret.h"
#include "base/str.h"

struct fetch_stream;

struct fetch_stream_options {
	const char *ca_file; /* PEM bundle; NULL: the system's */
	const char *user_agent;
	uint64_t connect_timeout_ms; /* resolve, connect and TLS together */
	uint64_t stall_timeout_ms;   /* no byte moves for this long while we wait */
	int cancel_fd;		     /* readable: give up (ERR_CANCELLED); -1: none */
};

/* A GET, or with a content_type a POST. The body is borrowed until the next request. */
struct fetch_stream_request {
	const char *url;
	const char *accept;
	const char *content_type;
	const char *git_protocol; /* Git-Protocol (gitprotocol-http); NULL: none */
	struct str body;
	const char *user; /* with password: Basic credentials; NULL: none */
	const struct secret *password;
	const struct secret *bearer; /* a token for Authorization (RFC 6750); NULL: none */
	const char *authorization;   /* in place of both: value of the Authorization field */
	uint64_t range_from;	     /* first byte to ask for (RFC 9110 section 14.2); 0: all */
	uint64_t total_timeout_ms;   /* 0: none */
	/* Addresses that are not connected to, whatever the host's name resolves to (ERR_DENIED);
	 * NULL: none. A proxy of the environment resolves names itself. */
	const struct cidr_set *refused;
};

/* Whether the status is of a redirect that names its target (RFC 9110 section 15.4). */
static inline bool
fetch_stream_is_redirect(unsigned status)
{
	return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

/* Valid until the next request. */
struct fetch_stream_head {
	unsigned status;	 /* 100..599 */
	struct str content_type; /* without parameters */
	struct str location;	 /* of a redirect, made absolute; else empty */
	uint64_t retry_after_ms; /* 0: not said */
};

/* What options point to outlives it. */
struct fetch_stream *fetch_stream_new(const struct fetch_stream_options *options,
				      struct err *e) MUST_CHECK;
void fetch_stream_free(struct fetch_stream *s);

/* Sends a request and waits for the head of its answer. Ends an answer that is not read whole.
 * ERR_TIMEOUT, ERR_CONNECT, ERR_TLS, ERR_PROTOCOL, ERR_LIMIT, ERR_DENIED, ERR_CANCELLED. */
bool fetch_stream_open(struct fetch_stream *s, const struct fetch_stream_request *request,
		       struct fetch_stream_head *head, struct err *e) MUST_CHECK;

/* The next bytes of the answer, at least one; *len is 0 at its end. */
bool fetch_stream_read(struct fetch_stream *s, void *data, size_t size, size_t *len,
		       struct err *e) MUST_CHECK;

#endif
