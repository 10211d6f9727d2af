/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What fuzz targets share. A target is one function that looks at bytes and must neither crash nor
 * break an err_assert; libFuzzer calls it (`make fuzz`), or replay.c with the inputs that are kept
 * in tests/fuzz/seeds.
 */
#ifndef TESTS_FUZZ_FUZZ_H
#define TESTS_FUZZ_FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Targets whose seeds fit as well, ending with NULL: for a target to define, where there are any.
 */
extern const char *const fuzz_also[];

/* Takes the first byte off the input, 0 where there is none: it may choose how the rest is used. */
static inline unsigned
fuzz_take_byte(struct str *input)
{
	unsigned byte = input->len == 0 ? 0 : (unsigned char)input->data[0];

	*input = str_skip(*input, 1);
	return byte;
}

static inline struct str
fuzz_input(const uint8_t *data, size_t size)
{
	return (struct str){(const char *)data, size};
}

/* A copy of its exact size, so that a sanitizer sees reads beyond it. For free(). */
static inline char *
fuzz_copy(struct str s)
{
	char *copy = malloc(s.len + (s.len == 0));

	err_assert(copy != NULL);
	if (s.len > 0)
		memcpy(copy, s.data, s.len);
	return copy;
}

#endif
