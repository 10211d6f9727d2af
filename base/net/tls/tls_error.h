/* SPDX-License-Identifier: Apache-2.0 */
/*
 * OpenSSL's reason for a failure as a struct err.
 */
#ifndef BASE_NET_TLS_TLS_ERROR_H
#define BASE_NET_TLS_TLS_ERROR_H

#include "base/err.h"

/* "<what>: <reason of the last OpenSSL error of this thread>", whose queue is cleared. Returns
 * false. */
bool tls_error_set(struct err *e, enum err_code code, const char *what);

#endif
