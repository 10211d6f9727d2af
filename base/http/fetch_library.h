/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the two HTTP clients on libcurl share: for base/http/fetch*.c only.
 */
#ifndef BASE_HTTP_FETCH_LIBRARY_H
#define BASE_HTTP_FETCH_LIBRARY_H

#include <sys/socket.h>

#include "base/str.h"

struct curl_slist;

/* Initializes libcurl and makes it wipe all memory that it frees. ca_file: a file of authorities
 * that must be readable; or NULL. Undo each call with curl_global_cleanup. */
bool fetch_library_init(const char *ca_file, struct err *e) MUST_CHECK;

struct fetch_number {
	int option; /* a CURLoption that takes a long */
	long value;
};

/* Sets options of an easy handle. False: out of memory. */
bool fetch_set_numbers(void *easy, const struct fetch_number *numbers, size_t count) MUST_CHECK;

/*
 * Sets the options of both clients: http and https only, no redirects, TLS 1.2 or newer with a
 * verified certificate. What OpenSSL has read is wiped from its buffers, which idle connections
 * keep. ca_file may be NULL. False: out of memory.
 */
bool fetch_set_options(void *easy, const char *ca_file, const char *user_agent,
		       uint64_t connect_timeout_ms) MUST_CHECK;

/* Appends the line name + value; name ends in ": ". ERR_INPUT: control character in the value. */
bool fetch_add_header(struct curl_slist **headers, const char *name, struct str value,
		      struct err *e) MUST_CHECK;

/* Reads host (to be freed with curl_free) and port of an http or https URL. False for other URLs,
 * and for those that contain a user. */
bool fetch_read_url(const char *url, char **host, unsigned *port) MUST_CHECK;

/* Returns Retry-After of the response in seconds, at most a day; 0: not given. */
uint32_t fetch_retry_after_s(void *easy);

/* How a transfer ended. */
struct fetch_outcome {
	void *easy;	     /* libcurl's handle */
	int code;	     /* CURLcode; CURLE_OPERATION_TIMEDOUT also for our own deadlines */
	const char *problem; /* libcurl's error buffer */
	const char *host;
	bool uses_proxy; /* see fetch_is_other_port */
};

/* Whether the transfer failed at the proxy of the environment (https_proxy), before any byte of the
 * request was sent. Then sets ERR_PROXY. */
bool fetch_is_proxy_error(const struct fetch_outcome *o, struct err *e);

/* Sets the error of a transfer that failed at the host itself. Returns false. */
bool fetch_explain(const struct fetch_outcome *o, struct err *e);

/* Whether libcurl connects to another port than that of the URL, so to a proxy. */
bool fetch_is_other_port(const struct sockaddr *address, socklen_t len, unsigned port);

/* Maps a CURLcode to an error code. */
enum err_code fetch_error_code(int code);

#endif
