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
	uint64_t connect_timeout_ms; /* for resolving, connecting and TLS together */
	uint64_t stall_timeout_ms;   /* for the next byte while the caller waits */
	int cancel_fd;		     /* ERR_CANCELLED once it is readable; -1: none */
};

/* A GET, or a POST if content_type is set. The body is borrowed until the next request. */
struct fetch_stream_request {
	const char *url;
	const char *accept;
	const char *content_type;
	const char *git_protocol; /* Git-Protocol header (gitprotocol-http); NULL: none */
	struct str body;
	const char *user; /* Basic credentials, together with password; NULL: none */
	const struct secret *password;
	const struct secret *bearer; /* Bearer token (RFC 6750); NULL: none */
	const char *authorization;   /* value of Authorization, instead of user and bearer */
	uint64_t range_from; /* first byte of the Range (RFC 9110 section 14.2); 0: no range */
	uint64_t total_timeout_ms; /* 0: none */
	/* Addresses that the client does not connect to, even if the host's name resolves to them
	 * (ERR_DENIED); NULL: none. Not checked when an outgoing proxy resolves the name. */
	const struct cidr_set *refused;
};

/* Whether this is a redirect that has a Location (RFC 9110 section 15.4). */
static inline bool
fetch_stream_is_redirect(unsigned status)
{
	return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

/* Its views are valid until the next request. */
struct fetch_stream_head {
	unsigned status;	 /* 100..599 */
	struct str content_type; /* without parameters */
	struct str location;	 /* absolute URL of a redirect; empty: no redirect */
	uint64_t retry_after_ms; /* 0: not given */
};

/* Everything that options point to must outlive the client. */
struct fetch_stream *fetch_stream_new(const struct fetch_stream_options *options,
				      struct err *e) MUST_CHECK;
void fetch_stream_free(struct fetch_stream *s);

/*
 * Sends a request and waits for the head of its response. Aborts an earlier response that was not
 * read to its end. Errors: ERR_TIMEOUT, ERR_CONNECT, ERR_PROXY, ERR_TLS, ERR_PROTOCOL, ERR_LIMIT,
 * ERR_DENIED, ERR_CANCELLED.
 */
bool fetch_stream_open(struct fetch_stream *s, const struct fetch_stream_request *request,
		       struct fetch_stream_head *head, struct err *e) MUST_CHECK;

/* Waits for the next bytes of the body, at least one; *len is 0 at its end. */
bool fetch_stream_read(struct fetch_stream *s, void *data, size_t size, size_t *len,
		       struct err *e) MUST_CHECK;

#endif
