/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Chunked bodies: pieces of any size (by the first byte) give what the whole gives, and the bytes
 * that come out are some of those that went in. Trailers are split, filtered and written anew.
 */
#include "proxy/http/http1.h"
#include "proxy/http/trailers.h"
#include "tests/fuzz/fuzz.h"

static void
check_trailers(struct str lines, size_t count)
{
	struct http1_scan scan = {.lines = 1};
	struct response_head head;
	struct http1_persistence persistence;
	struct headers trailers;
	struct arena arena;
	struct buf out;
	struct err e = ERR_INIT;

	arena_init(&arena, 1 << 20);
	buf_init(&out, 1 << 17);
	err_assert(count <= HTTP1_TRAILERS_COUNT_MAX);
	err_assert(trailers_parse(lines, count, &trailers, &arena) && trailers.count == count);
	trailers_filter(&trailers, false);
	buf_add_str(&out, STR("HTTP/1.1 200 OK\r\n"));
	http1_write_fields(&out, &trailers);
	http1_write_end(&out);
	/* As the fields of a head: nothing that has a meaning there is left. */
	scan.lines += trailers.count;
	err_assert(http1_parse_response(buf_view(&out), &scan, false, &head, &persistence, &arena,
					&e));
	err_assert(head.headers.count == trailers.count && (head.headers.ids & ~UINT32_C(1)) == 0);
	for (size_t i = 0; i < trailers.count; i++)
		err_assert(str_equal(head.headers.items[i].name, trailers.items[i].name) &&
			   str_equal(head.headers.items[i].value, trailers.items[i].value));
	buf_fini(&out);
	arena_fini(&arena);
}

static enum http1_found
decode(struct str text, size_t piece, struct buf *out, struct buf *trailers, size_t *used)
{
	enum http1_found found = HTTP1_MORE;
	struct http1_body b;

	http1_body_init(&b, HTTP1_FRAMING_CHUNKED, 0);
	b.trailers = trailers;
	*used = 0;
	while (found == HTTP1_MORE && text.len > 0) {
		struct str part = str_take(text, piece);
		char *copy = fuzz_copy(part);
		size_t consumed, produced;

		found = http1_body_decode(&b, copy, part.len, &consumed, &produced);
		err_assert(produced <= consumed && consumed <= part.len);
		err_assert(found != HTTP1_MORE || consumed == part.len);
		err_assert(http1_body_is_done(&b) == (found == HTTP1_COMPLETE));
		buf_add(out, copy, produced);
		free(copy);
		*used += consumed;
		text = str_skip(text, part.len);
	}
	err_assert(buf_is_ok(out) && buf_is_ok(trailers));
	if (found == HTTP1_COMPLETE)
		check_trailers(buf_view(trailers), b.trailers_count);
	return found;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str input = fuzz_input(data, size);
	size_t piece = fuzz_take_byte(&input) + 1;
	struct buf whole, pieces, trailers, trailer_pieces;
	size_t used, used_in_pieces;

	buf_init(&whole, size);
	buf_init(&pieces, size);
	buf_init(&trailers, size);
	buf_init(&trailer_pieces, size);
	enum http1_found found = decode(input, size + 1, &whole, &trailers, &used);
	err_assert(decode(input, piece, &pieces, &trailer_pieces, &used_in_pieces) == found);
	err_assert(str_equal(buf_view(&whole), buf_view(&pieces)));
	err_assert(str_equal(buf_view(&trailers), buf_view(&trailer_pieces)));
	err_assert(found == HTTP1_BAD || used == used_in_pieces);
	buf_fini(&whole);
	buf_fini(&pieces);
	buf_fini(&trailers);
	buf_fini(&trailer_pieces);
	return 0;
}
