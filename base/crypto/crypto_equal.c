/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Compares eight bytes per step, because every request compares its cookie: OpenSSL's CRYPTO_memcmp
 * takes single bytes. An empty instruction keeps the compiler from stopping at the first
 * difference.
 */
#include "base/crypto/crypto_equal.h"

bool
crypto_equal(struct str a, struct str b)
{
	uint64_t different = 0;
	uint64_t x;
	uint64_t y;
	size_t at = 0;

	if (a.len != b.len)
		return false;
	for (; a.len - at >= sizeof(x); at += sizeof(x)) {
		memcpy(&x, a.data + at, sizeof(x));
		memcpy(&y, b.data + at, sizeof(y));
		different |= x ^ y;
		__asm__ volatile("" : "+r"(different));
	}
	for (; at < a.len; at++) {
		different |= (unsigned char)a.data[at] ^ (unsigned char)b.data[at];
		__asm__ volatile("" : "+r"(different));
	}
	return different == 0;
}
