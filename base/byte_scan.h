/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs of harmless bytes, looked for eight at a time: every head and every line of the log is
 * searched for the few bytes that may not stand there.
 *
 * A mask of suspects has the high bit of each suspected byte set. The lowest one is exact; those
 * above it may be wrong, because borrowing goes upwards.
 */
#ifndef BASE_BYTE_SCAN_H
#define BASE_BYTE_SCAN_H

#include <endian.h>

#include "base/str.h"

#define BYTE_SCAN_REPEAT(byte) (UINT64_C(0x0101010101010101) * (byte))

/* Those below limit, which is 0x80 at most. */
static inline uint64_t
byte_scan_below(uint64_t word, uint64_t limit)
{
	return (word - BYTE_SCAN_REPEAT(limit)) & ~word & BYTE_SCAN_REPEAT(0x80);
}

static inline uint64_t
byte_scan_equal(uint64_t word, uint64_t byte)
{
	return byte_scan_below(word ^ BYTE_SCAN_REPEAT(byte), 1);
}

static inline uint64_t
byte_scan_high(uint64_t word)
{
	return word & BYTE_SCAN_REPEAT(0x80);
}

/* How many bytes at the beginning of s are fine. suspects must mark at least what is_fine refuses:
 * it alone decides in whole words, where is_fine clears some. */
static inline size_t
byte_scan_prefix(struct str s, uint64_t suspects(uint64_t word), bool is_fine(unsigned char byte))
{
	size_t n = 0;
	uint64_t word;
	uint64_t found;

	while (s.len - n >= sizeof(word)) {
		memcpy(&word, s.data + n, sizeof(word));
		found = suspects(le64toh(word));
		if (found == 0) {
			n += sizeof(word);
			continue;
		}
		n += (size_t)__builtin_ctzll(found) / 8;
		if (!is_fine((unsigned char)s.data[n]))
			return n;
		n++;
	}
	while (n < s.len && is_fine((unsigned char)s.data[n]))
		n++;
	return n;
}

#endif
