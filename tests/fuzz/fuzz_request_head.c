/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Request heads: no split changes what is found, what is accepted has no ambiguous byte left, and
 * written anew it is understood in the same way.
 */
#include "base/url.h"
#include "proxy/http/http1.h"
#include "tests/fuzz/fuzz.h"

static const struct http1_limits limits = {
	.head_max_bytes = 4096, .headers_max = 32, .line_max_bytes = 300};

static enum http1_found
scan_in_pieces(struct http1_scan *scan, struct str text, size_t piece, unsigned *status)
{
	enum http1_found found = HTTP1_MORE;

	for (size_t len = 0; found == HTTP1_MORE && len < text.len;) {
		len = text.len - len < piece ? text.len : len + piece;
		found = http1_scan_head(scan, str_take(text, len), &limits, status);
	}
	return found;
}

static void
check_fields(const struct headers *h)
{
	for (size_t i = 0; i < h->count; i++) {
		struct str name = h->items[i].name;
		struct str value = h->items[i].value;
		err_assert(name.len > 0 && str_equal(str_trim(value), value));
		for (size_t at = 0; at < name.len; at++)
			err_assert(name.data[at] > ' ' && name.data[at] != ':');
		for (size_t at = 0; at < value.len; at++)
			err_assert(strchr("\r\n", value.data[at]) == NULL);
	}
}

static void
write_anew(const struct request_head *r, struct buf *out)
{
	http1_write_request_line(out, r->method, r->target);
	http1_write_field(out, STR("Host"), r->authority);
	for (size_t i = 0; i < r->headers.count; i++)
		if (r->headers.items[i].id != HEADER_HOST)
			http1_write_field(out, r->headers.items[i].name, r->headers.items[i].value);
	http1_write_end(out);
	err_assert(buf_is_ok(out));
}

static bool
parse(struct str text, struct request_head *r, struct http1_persistence *p, struct arena *a)
{
	struct http1_scan scan = {0};
	struct err e = ERR_INIT;
	unsigned status = 0;
	const struct http1_limits wide = {.head_max_bytes = 65536, .headers_max = 64};

	if (http1_scan_head(&scan, text, &wide, &status) != HTTP1_COMPLETE)
		return false;
	bool ok = http1_parse_request(str_take(text, scan.at), &scan, r, p, a, &status, &e);
	err_assert(ok || (status >= 400 && status <= 505 && e.text[0] != '\0'));
	return ok;
}

static void
check_request(const struct request_head *r, const struct http1_persistence *p)
{
	struct request_head again;
	struct http1_persistence unused;
	struct arena arena;
	struct buf out;
	struct str host;
	uint16_t port;

	check_fields(&r->headers);
	err_assert(r->target.data[0] == '/' || str_equal(r->target, STR("*")));
	err_assert(url_split_authority(r->authority, &host, &port));
	err_assert((r->body == BODY_STREAM) == (p->framing == HTTP1_FRAMING_CHUNKED));
	err_assert((r->body == BODY_LENGTH) == (r->length > 0));
	buf_init(&out, 65536);
	arena_init(&arena, 1 << 20);
	write_anew(r, &out);
	/* HTTP/1.0 may become 1.1, which allows more. */
	err_assert(parse(buf_view(&out), &again, &unused, &arena));
	err_assert(str_equal(again.target, r->target) && str_equal(again.method, r->method));
	err_assert(str_equal(again.authority, r->authority) && again.body == r->body);
	err_assert(again.headers.count == r->headers.count && again.length == r->length);
	arena_fini(&arena);
	buf_fini(&out);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str input = fuzz_input(data, size);
	size_t piece = fuzz_take_byte(&input) + 1;
	struct http1_scan whole = {0};
	struct http1_scan pieces = {0};
	unsigned status = 0, split_status = 0;
	enum http1_found found = http1_scan_head(&whole, input, &limits, &status);

	if (input.len > 0)
		err_assert(scan_in_pieces(&pieces, input, piece, &split_status) == found);
	err_assert(found != HTTP1_BAD || status == split_status);
	if (found != HTTP1_COMPLETE)
		return 0;
	err_assert(whole.at == pieces.at && whole.lines == pieces.lines);
	struct request_head r;
	struct http1_persistence p;
	struct arena arena;
	char *head = fuzz_copy(str_take(input, whole.at));
	arena_init(&arena, 1 << 20);
	if (parse((struct str){head, whole.at}, &r, &p, &arena))
		check_request(&r, &p);
	arena_fini(&arena);
	free(head);
	return 0;
}
