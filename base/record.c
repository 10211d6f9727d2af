/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads and writes numbers byte by byte, the highest first.
 */
#include "base/record.h"

void
record_write_number(struct buf *out, uint64_t value, size_t number_bytes)
{
	if (number_bytes < sizeof(value) && value >> (8 * number_bytes) != 0)
		out->failed = true;
	for (size_t i = number_bytes; i-- > 0;)
		buf_add_byte(out, (char)(uint8_t)(value >> (8 * i)));
}

void
record_write_text(struct buf *out, struct str text, size_t length_bytes)
{
	record_write_number(out, text.len, length_bytes);
	buf_add_str(out, text);
}

struct str
record_read_bytes(struct record_reader *r, size_t len)
{
	struct str bytes = str_take(r->rest, len);

	if (bytes.len != len)
		r->ok = false;
	r->rest = str_skip(r->rest, len);
	return bytes;
}

uint64_t
record_read_number(struct record_reader *r, size_t number_bytes)
{
	struct str bytes = record_read_bytes(r, number_bytes);
	uint64_t value = 0;

	for (size_t i = 0; i < bytes.len; i++)
		value = value << 8 | (uint8_t)bytes.data[i];
	return value;
}

struct str
record_read_text(struct record_reader *r, size_t length_bytes, size_t max)
{
	size_t len = (size_t)record_read_number(r, length_bytes);

	if (len > max)
		r->ok = false;
	return record_read_bytes(r, len);
}
