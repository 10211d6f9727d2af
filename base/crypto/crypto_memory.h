/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory of OpenSSL for private keys: locked, so that it is never swapped, and excluded from core
 * dumps. Copies that OpenSSL makes elsewhere while it reads a key are wiped.
 */
#ifndef BASE_CRYPTO_CRYPTO_MEMORY_H
#define BASE_CRYPTO_CRYPTO_MEMORY_H

#include <stdbool.h>

/* Call it before any other use of OpenSSL. False: keys may be swapped, because the limit of locked
 * memory is too low. */
bool crypto_memory_protect(void);

/* Between these calls, memory that OpenSSL frees in this thread is wiped. Calls may not be
 * nested. */
void crypto_memory_wipe_begin(void);
void crypto_memory_wipe_end(void);

#endif
