/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Parses delta instructions, to check them and to apply them.
 */
#include "clone/pack/pack_delta.h"

#include <string.h>

#define COPY_FLAG     0x80u
#define COPY_LEN_NONE 0x10000u

struct delta_instruction {
	bool is_copy;
	size_t offset; /* in the base; unused for an insertion */
	size_t len;
	const uint8_t *data; /* of an insertion */
};

static bool
read_length(const uint8_t **at, const uint8_t *end, uint64_t *value)
{
	unsigned shift = 0;
	uint8_t byte = COPY_FLAG;

	*value = 0;
	while ((byte & COPY_FLAG) != 0) {
		if (*at == end || shift > 56)
			return false;
		byte = *(*at)++;
		*value |= (uint64_t)(byte & 0x7fu) << shift;
		shift += 7;
	}
	return true;
}

/* Reads offset (four bytes) and length (three bytes) of a copy; each byte is present if its bit is
 * set. */
static bool
read_copy(const uint8_t **at, const uint8_t *end, unsigned flags, struct delta_instruction *s)
{
	size_t parts[2] = {0, 0};

	for (unsigned bit = 0; bit < 7; bit++) {
		if ((flags & (1u << bit)) == 0)
			continue;
		if (*at == end)
			return false;
		parts[bit / 4] |= (size_t) * (*at)++ << (8 * (bit % 4));
	}
	*s = (struct delta_instruction){.is_copy = true, .offset = parts[0], .len = parts[1]};
	if (s->len == 0)
		s->len = COPY_LEN_NONE;
	return true;
}

static bool
read_step(const uint8_t **at, const uint8_t *end, struct delta_instruction *s)
{
	unsigned flags = *(*at)++;

	if ((flags & COPY_FLAG) != 0)
		return read_copy(at, end, flags, s);
	if (flags == 0 || flags > (size_t)(end - *at))
		return false;
	*s = (struct delta_instruction){.len = flags, .data = *at};
	*at += flags;
	return true;
}

bool
pack_delta_check(const uint8_t *delta, size_t delta_len, size_t base_len, size_t *result_len,
		 struct err *e)
{
	const uint8_t *at = delta;
	const uint8_t *end = delta + delta_len;
	uint64_t from = 0;
	uint64_t declared = 0;
	uint64_t made = 0;
	struct delta_instruction s;

	if (!read_length(&at, end, &from) || !read_length(&at, end, &declared))
		return err_set(e, ERR_PROTOCOL, "delta without its lengths");
	if (from != base_len)
		return err_set(e, ERR_PROTOCOL, "delta does not match the size of its base");
	if (declared > PACK_DELTA_RESULT_MAX)
		return err_set(e, ERR_LIMIT, "delta result of %llu bytes is too large",
			       (unsigned long long)declared);
	while (at < end) {
		if (!read_step(&at, end, &s))
			return err_set(e, ERR_PROTOCOL, "invalid delta instruction");
		if (s.is_copy && (s.len > base_len || s.offset > base_len - s.len))
			return err_set(e, ERR_PROTOCOL, "delta copies from beyond its base");
		made += s.len;
		if (made > declared)
			break;
	}
	if (made != declared)
		return err_set(e, ERR_PROTOCOL, "delta result does not have the declared size");
	*result_len = (size_t)declared;
	return true;
}

void
pack_delta_apply(const uint8_t *delta, size_t delta_len, const uint8_t *base, uint8_t *result)
{
	const uint8_t *at = delta;
	const uint8_t *end = delta + delta_len;
	uint64_t ignored = 0;
	struct delta_instruction s;

	err_assert(read_length(&at, end, &ignored) && read_length(&at, end, &ignored));
	while (at < end) {
		err_assert(read_step(&at, end, &s));
		memcpy(result, s.is_copy ? base + s.offset : s.data, s.len);
		result += s.len;
	}
}
