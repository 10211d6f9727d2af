/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Chunked bodies: pieces of any size (by the first byte) give what the whole gives, and the bytes
 * that come out are some of those that went in.
 */
#include "proxy/http/http1.h"
#include "tests/fuzz/fuzz.h"

static enum http1_found
decode(struct str text, size_t piece, struct buf *out, size_t *used)
{
	enum http1_found found = HTTP1_MORE;
	struct http1_body b;

	http1_body_init(&b, HTTP1_FRAMING_CHUNKED, 0);
	*used = 0;
	while (found == HTTP1_MORE && text.len > 0) {
		struct str part = str_take(text, piece);
		char *copy = fuzz_copy(part);
		size_t consumed, produced;

		found = http1_body_decode(&b, copy, part.len, &consumed, &produced);
		err_assert(produced <= consumed && consumed <= part.len);
		err_assert(found != HTTP1_MORE || consumed == part.len);
		err_assert(http1_body_is_done(&b) == (found == HTTP1_WHOLE));
		buf_add(out, copy, produced);
		free(copy);
		*used += consumed;
		text = str_skip(text, part.len);
	}
	err_assert(buf_is_ok(out));
	return found;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str input = fuzz_input(data, size);
	size_t piece = fuzz_take_byte(&input) + 1;
	struct buf whole, pieces;
	size_t used, used_in_pieces;

	buf_init(&whole, size);
	buf_init(&pieces, size);
	enum http1_found found = decode(input, size + 1, &whole, &used);
	err_assert(decode(input, piece, &pieces, &used_in_pieces) == found);
	err_assert(str_equal(buf_view(&whole), buf_view(&pieces)));
	err_assert(found == HTTP1_BAD || used == used_in_pieces);
	buf_fini(&whole);
	buf_fini(&pieces);
	return 0;
}
