/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Comparison of secrets.
 */
#ifndef BASE_CRYPTO_CRYPTO_EQUAL_H
#define BASE_CRYPTO_CRYPTO_EQUAL_H

#include "base/str.h"

/* Constant time for equal lengths. */
bool crypto_equal(struct str a, struct str b);

#endif
