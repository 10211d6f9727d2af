/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Asynchronous, bounded HTTP(S) client on the event loop.
 *
 * Every call has a connection, a stall and a total deadline and a maximum for the body. Proxies of
 * the environment (HTTPS_PROXY, NO_PROXY) are used as curl does. Certificates and host names are
 * always verified. Redirects are never followed. Of a request, only the host is logged. Name
 * resolution runs in libcurl's own thread.
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
	size_t body_max_bytes; /* of a response */
	/* Calls that run at the same time. Further ones wait, which counts towards their total
	 * timeout. */
	unsigned connections_max;
	unsigned connections_reserved; /* of these, reserved for calls of FETCH_HIGH */
};

/* Among waiting calls, those of the highest priority start first, and those of one priority in
 * order. */
enum fetch_priority { FETCH_LOW, FETCH_NORMAL, FETCH_HIGH };
#define FETCH_PRIORITIES 3

struct fetch_request {
	enum fetch_priority priority;
	const char *method;	  /* "GET", "POST" */
	const char *url;	  /* http or https */
	const char *accept;	  /* Accept header, or NULL */
	const char *content_type; /* with a body */
	struct str body;	  /* copied, wiped after the call */
	/* For "Authorization: Bearer"; copied, wiped after the call; or NULL. */
	const struct secret *bearer;
	const char *header; /* one more line "Name: value", or NULL */
	/* Replaces the client's stall and total timeouts; 0: it does not. */
	uint64_t timeout_ms;
};

struct fetch_response {
	unsigned status; /* 100..599 */
	struct str body; /* valid during the callback; wiped afterwards */
	struct str content_type;
	uint32_t retry_after_s; /* Retry-After in seconds, at most 86400; 0: not given */
};

/*
 * Called from the loop exactly once per call that is not cancelled, with the response, or NULL and
 * the error (ERR_TIMEOUT, ERR_CONNECT, ERR_PROXY, ERR_TLS, ERR_PROTOCOL, ERR_LIMIT). request_sent:
 * the server may have received the request, so a POST may not be repeated blindly.
 */
typedef void fetch_done_fn(const struct fetch_response *response, const struct err *e,
			   bool request_sent, void *arg);

struct fetch *fetch_new(struct loop *l, const struct fetch_options *options,
			struct err *e) MUST_CHECK;
/* The file of certificate authorities has changed: new connections use its current content. */
void fetch_reload_authorities(struct fetch *f);
void fetch_free(struct fetch *f); /* cancels all calls */

/* Starts a request. done runs later, never before this returns. NULL: not started, done does not
 * run. */
struct fetch_call *fetch_start(struct fetch *f, const struct fetch_request *request,
			       fetch_done_fn *done, void *arg, struct err *e) MUST_CHECK;

/* Cancels the call; done does not run. Not allowed within done of the same call. */
void fetch_cancel(struct fetch_call *call);

#endif
