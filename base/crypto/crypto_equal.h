/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Comparison of secrets.
 */
#ifndef BASE_CRYPTO_CRYPTO_EQUAL_H
#define BASE_CRYPTO_CRYPTO_EQUAL_H

#include "base/str.h"

/* Compares in constant time; returns early only when the lengths differ. */
bool crypto_equal(struct str a, struct str b);

#endif
