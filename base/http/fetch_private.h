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
	bool is_freed;	 /* by that function: goes away when it has returned */
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
	char *url;
	char *host;
	unsigned port;
	bool uses_proxy;
	char *request_body;
	size_t request_body_len;
	struct buf body;
	size_t head_bytes;
	bool is_too_large;
	char problem[CURL_ERROR_SIZE];
};

/* An easy handle for the request, not started yet. After an error the call is only good for
 * fetch_call_fini. */
bool fetch_call_prepare(struct fetch_call *call, const struct fetch_request *r,
			struct err *e) MUST_CHECK;
/* The handle must not be with libcurl's multi interface any more. */
void fetch_call_fini(struct fetch_call *call);

/* After the end: the response, valid as long as the call; and why it failed, unless CURLE_OK, which
 * always returns false. */
void fetch_call_response(const struct fetch_call *call, struct fetch_response *r);
bool fetch_call_is_proxy_error(const struct fetch_call *call, CURLcode code, struct err *e);
bool fetch_call_explain(const struct fetch_call *call, CURLcode code, struct err *e);

#endif
