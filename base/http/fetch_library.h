/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the two HTTP clients on libcurl share: for base/http/fetch*.c only.
 */
#ifndef BASE_HTTP_FETCH_LIBRARY_H
#define BASE_HTTP_FETCH_LIBRARY_H

#include <sys/socket.h>

#include "base/err.h"

/* libcurl, so that all it frees is wiped. Each call is undone by curl_global_cleanup. */
bool fetch_library_init(struct err *e) MUST_CHECK;

/* For a handle of libcurl: an idle connection's buffer of OpenSSL would keep the last answer. */
bool fetch_wipe_reads(void *easy) MUST_CHECK;

/* Host (curl_free) and port of an http or https URL without a user; false for anything else. */
bool fetch_read_url(const char *url, char **host, unsigned *port) MUST_CHECK;

/* How a transfer ended. */
struct fetch_outcome {
	void *easy;	     /* libcurl's handle */
	int code;	     /* CURLcode; CURLE_OPERATION_TIMEDOUT also for our own deadlines */
	const char *problem; /* libcurl's error buffer */
	const char *host;
	bool uses_proxy; /* see fetch_is_other_port */
};

/* Whether it failed at the proxy of the environment (https_proxy), before anything of the request
 * was sent; then e is ERR_PROXY. */
bool fetch_is_proxy_error(const struct fetch_outcome *o, struct err *e);

/* Whether libcurl connects to another port than that of the URL: then it is a proxy's. */
bool fetch_is_other_port(const struct sockaddr *address, socklen_t len, unsigned port);

/* Our code for a CURLcode. */
enum err_code fetch_error_code(int code);

#endif
