/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Length of the prefix without special bytes, eight bytes per step: for parsing message heads and
 * escaping log lines, where special bytes are rare.
 *
 * A match mask has the high bit of each matching byte set. Only the lowest match is exact, because
 * the subtraction borrows from higher bytes.
 */
#ifndef BASE_BYTE_SCAN_H
#define BASE_BYTE_SCAN_H

#include <endian.h>

#include "base/str.h"

#define BYTE_SCAN_REPEAT(byte) (UINT64_C(0x0101010101010101) * (byte))

/* Marks the bytes of the word that are below limit, which is at most 0x80. */
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

static inline uint64_t
byte_scan_load(const char *data)
{
	uint64_t word;

	memcpy(&word, data, sizeof(word));
	return le64toh(word);
}

/*
 * Returns the length of the prefix of s for whose bytes is_fine holds. candidates marks the bytes
 * of a word that may be special, at least all for which is_fine fails; is_fine is called for these
 * only.
 */
static inline size_t
byte_scan_prefix(struct str s, uint64_t candidates(uint64_t word), bool is_fine(unsigned char byte))
{
	const size_t step = sizeof(uint64_t);
	size_t n = 0;
	uint64_t found;

	while (s.len - n >= step) {
		found = candidates(byte_scan_load(s.data + n));
		if (found == 0) {
			n += step;
			continue;
		}
		n += (size_t)__builtin_ctzll(found) / 8;
		if (!is_fine((unsigned char)s.data[n]))
			return n;
		n++;
	}
	/* Reads the last full word again, overlapping the one before, instead of byte by byte. */
	if (s.len >= step && candidates(byte_scan_load(s.data + s.len - step)) == 0)
		return s.len;
	while (n < s.len && is_fine((unsigned char)s.data[n]))
		n++;
	return n;
}

#endif
