/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the two HTTP clients on libcurl share: for base/http/fetch*.c only.
 */
#ifndef BASE_HTTP_FETCH_LIBRARY_H
#define BASE_HTTP_FETCH_LIBRARY_H

#include "base/err.h"

/* libcurl, so that all it frees is wiped. Each call is undone by curl_global_cleanup. */
bool fetch_library_init(struct err *e) MUST_CHECK;

/*
 * Whether a transfer to this host failed at the proxy of the environment (https_proxy), before
 * anything of the request was sent; then e says so. easy is libcurl's handle,
 * code its CURLcode and problem its error buffer.
 */
bool fetch_is_proxy_error(void *easy, int code, const char *problem, const char *host,
			  struct err *e);

/* Our code for a CURLcode. */
enum err_code fetch_error_code(int code);

#endif
