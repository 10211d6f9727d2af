/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Asynchronous, bounded HTTP(S) client on the event loop; the only module that includes libcurl.
 *
 * Every call has a connection, a stall and a total deadline and a maximum for the body. Proxies of
 * the environment (HTTPS_PROXY, NO_PROXY) are used as curl does. Certificates and host names are
 * always verified. Redirects are never followed. Only method, origin and path of a request are
 * logged. Name resolution runs in libcurl's own thread.
 */
#ifndef BASE_HTTP_FETCH_H
#define BASE_HTTP_FETCH_H

#include "base/net/loop.h"
#include "base/secret.h"
#include "base/str.h"

struct fetch;	   /* a client with its connection cache */
struct fetch_call; /* one request under way */

struct fetch_options {
	const char *ca_file; /* PEM bundle; NULL: the system's */
	const char *user_agent;
	uint64_t connect_timeout_ms; /* resolve, connect and TLS together */
	uint64_t stall_timeout_ms;   /* connected, and no byte for this long */
	uint64_t total_timeout_ms;
	size_t body_max_bytes; /* of an answer */
	/* Calls at the same time; further ones wait, within their total deadline. */
	unsigned connections_max;
	unsigned connections_reserved; /* of these, for calls of FETCH_HIGH only */
};

/* Which of several waiting calls starts first; those of one priority start in their order. */
enum fetch_priority { FETCH_LOW, FETCH_NORMAL, FETCH_HIGH };
#define FETCH_PRIORITIES 3

struct fetch_request {
	enum fetch_priority priority;
	const char *method;	  /* "GET", "POST" */
	const char *url;	  /* http or https */
	const char *accept;	  /* Accept header, or NULL */
	const char *content_type; /* with a body */
	struct str body;	  /* copied, wiped after the call */
	/* Authorization: Bearer …, copied, wiped after the call; or NULL. */
	const struct secret *bearer;
	const char *header; /* one more "Name: value", or NULL */
	/* In place of the client's stall and total timeouts; 0: those. */
	uint64_t timeout_ms;
};

struct fetch_response {
	unsigned status; /* 100..599 */
	struct str body; /* valid during the callback; wiped afterwards */
	struct str content_type;
	uint32_t retry_after_s; /* delta-seconds form of Retry-After, at most 86400; 0: none */
};

/*
 * Exactly once per call that is not cancelled, from the loop: response, or NULL and the error
 * (ERR_TIMEOUT, ERR_CONNECT, ERR_TLS, ERR_PROTOCOL, ERR_LIMIT). request_sent says whether GitLab
 * may have seen the request, which decides whether a POST can be repeated.
 */
typedef void fetch_done_fn(const struct fetch_response *response, const struct err *e,
			   bool request_sent, void *arg);

struct fetch *fetch_new(struct loop *l, const struct fetch_options *options,
			struct err *e) MUST_CHECK;
/* The file of authorities has changed: connections that begin from now on look at it again. */
void fetch_reload_authorities(struct fetch *f);
void fetch_free(struct fetch *f); /* cancels what is under way */

/* done never runs before this returns. NULL: nothing was started, done will not run. */
struct fetch_call *fetch_start(struct fetch *f, const struct fetch_request *request,
			       fetch_done_fn *done, void *arg, struct err *e) MUST_CHECK;

/* done will not run. Not to be called from within done for the same call. */
void fetch_cancel(struct fetch_call *call);

#endif
