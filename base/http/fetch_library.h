/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the two HTTP clients on libcurl share: for base/http/fetch*.c only.
 */
#ifndef BASE_HTTP_FETCH_LIBRARY_H
#define BASE_HTTP_FETCH_LIBRARY_H

#include "base/err.h"

/* libcurl, so that all it frees is wiped. Each call is undone by curl_global_cleanup. */
bool fetch_library_init(struct err *e) MUST_CHECK;

/* Our code for a CURLcode. */
enum err_code fetch_error_code(int code);

#endif
