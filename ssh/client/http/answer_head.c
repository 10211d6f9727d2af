/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A body is parsed again from its start when more bytes arrive; it is short, and its buffer is
 * bounded.
 */
#include "ssh/client/http/answer_head.h"

#include "base/ascii.h"

#define CHUNK_MAX_BYTES (1u << 20)

unsigned
answer_head_status(struct str head)
{
	uint64_t status;

	if ((!str_starts_with(head, STR("HTTP/1.1 ")) &&
	     !str_starts_with(head, STR("HTTP/1.0 "))) ||
	    !str_to_u64(str_take(str_skip(head, 9), 3), 100, 599, &status))
		return 0;
	return (unsigned)status;
}

struct str
answer_head_field(struct str head, struct str name)
{
	struct str line;

	while (str_next(&head, '\n', &line)) {
		size_t colon = str_find_byte(line, ':');

		if (colon == name.len && str_equal_nocase(str_take(line, colon), name)) {
			struct str value = str_skip(line, colon + 1);
			if (str_ends_with(value, STR("\r")))
				value = str_take(value, value.len - 1);
			return str_trim(value);
		}
	}
	return STR_NONE;
}

/* Takes "<hex>[;extensions]" off a line. */
static bool
read_chunk_size(struct str line, size_t *size)
{
	size_t digits = 0;

	*size = 0;
	while (digits < line.len && ascii_hex_value(line.data[digits]) >= 0) {
		*size = *size << 4 | (size_t)ascii_hex_value(line.data[digits++]);
		if (*size > CHUNK_MAX_BYTES)
			return false;
	}
	return digits > 0 && (digits == line.len || line.data[digits] == ';');
}

/* RFC 9112 section 7.1. Trailers are not waited for. */
static enum answer_body_state
read_chunks(struct str bytes, struct buf *body)
{
	for (;;) {
		size_t end = str_find(bytes, STR("\r\n"));
		size_t size;

		if (end == SIZE_MAX)
			return ANSWER_BODY_MORE;
		if (!read_chunk_size(str_take(bytes, end), &size))
			return ANSWER_BODY_BAD;
		if (size == 0)
			return ANSWER_BODY_WHOLE;
		bytes = str_skip(bytes, end + 2);
		if (bytes.len < size + 2)
			return ANSWER_BODY_MORE;
		if (!str_equal(str_take(str_skip(bytes, size), 2), STR("\r\n")) ||
		    !buf_add(body, bytes.data, size))
			return ANSWER_BODY_BAD;
		bytes = str_skip(bytes, size + 2);
	}
}

enum answer_body_state
answer_body_read(struct str head, struct str bytes, bool has_ended, struct buf *body)
{
	struct str length = answer_head_field(head, STR("content-length"));
	struct str coding = answer_head_field(head, STR("transfer-encoding"));
	enum answer_body_state state = ANSWER_BODY_MORE;
	uint64_t wanted = bytes.len;

	buf_clear(body);
	if (coding.len > 0) {
		if (!str_equal_nocase(coding, STR("chunked")))
			return ANSWER_BODY_BAD;
		state = read_chunks(bytes, body);
	} else if (length.len > 0 && !str_to_u64(length, 0, body->max, &wanted)) {
		return ANSWER_BODY_BAD;
	} else if (length.len > 0 ? bytes.len >= wanted : has_ended) {
		state = buf_add(body, bytes.data, (size_t)wanted) || wanted == 0 ? ANSWER_BODY_WHOLE
										 : ANSWER_BODY_BAD;
	}
	return state == ANSWER_BODY_MORE && has_ended ? ANSWER_BODY_BAD : state;
}
