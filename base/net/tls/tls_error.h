/* SPDX-License-Identifier: Apache-2.0 */
/*
 * OpenSSL's reason for a failure as a struct err.
 */
#ifndef BASE_NET_TLS_TLS_ERROR_H
#define BASE_NET_TLS_TLS_ERROR_H

#include "base/err.h"

/* Sets "<what>: <reason of the thread's last OpenSSL error>" and clears OpenSSL's error queue.
 * Returns false. */
bool tls_error_set(struct err *e, enum err_code code, const char *what);

#endif
