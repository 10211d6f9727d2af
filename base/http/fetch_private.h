/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A client and its calls, shared by base/http/fetch.c, which runs calls, and fetch_call.c, which
 * sets up one request and reads its response.
 */
#ifndef BASE_HTTP_FETCH_PRIVATE_H
#define BASE_HTTP_FETCH_PRIVATE_H

#include <curl/curl.h>

#include "base/http/fetch.h"
#include "base/list.h"

struct fetch {
	struct loop *loop;
	CURLM *multi;
	struct loop_timer timer;       /* libcurl's */
	LIST_HEAD(, fetch_call) calls; /* started */
	TAILQ_HEAD(, fetch_call) waiting[FETCH_PRIORITIES];
	unsigned started_count;
	unsigned connections_max;
	unsigned connections_reserved;
	LIST_HEAD(, fetch_socket) sockets;
	char *ca_file;
	uint64_t authorities_changed_ms; /* 0: never */
	char *user_agent;
	uint64_t connect_timeout_ms;
	uint64_t stall_timeout_ms;
	uint64_t total_timeout_ms;
	size_t body_max_bytes;
	bool is_calling; /* a done function runs */
	bool is_freed;	 /* a done function freed the client: destroy it once that has returned */
};

struct fetch_call {
	struct fetch *fetch;
	LIST_ENTRY(fetch_call) entry;
	TAILQ_ENTRY(fetch_call) waiting_entry;
	enum fetch_priority priority;
	bool is_waiting;
	CURL *easy;
	struct curl_slist *headers;
	struct loop_timer deadline; /* libcurl's own does not run while a call waits */
	struct loop_timer stall;    /* libcurl's own averages over seconds */
	uint64_t stall_timeout_ms;
	fetch_done_fn *done;
	void *arg;
	char *host;
	unsigned port;
	bool uses_proxy;
	struct buf body;
	size_t head_bytes;
	bool is_too_large;
	char problem[CURL_ERROR_SIZE];
};

/* Sets up the call's easy handle, which libcurl does not know yet. After an error only
 * fetch_call_fini may be called. */
bool fetch_call_prepare(struct fetch_call *call, const struct fetch_request *r,
			struct err *e) MUST_CHECK;
/* Remove the handle from libcurl's multi handle first. */
void fetch_call_fini(struct fetch_call *call);

/* Reads the response of a transfer that has ended. Its views are valid as long as the call. */
void fetch_call_response(const struct fetch_call *call, struct fetch_response *r);
/* Sets the error of a failed transfer. Returns whether it failed at the outgoing proxy. */
bool fetch_call_explain(const struct fetch_call *call, CURLcode code, struct err *e);

#endif
