/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A request that is accepted over HTTP/2 would be accepted over HTTP/1.1 as well, with the same
 * meaning. The input is a byte that says whether the request has ended, and fields, one on a line:
 * "name=value".
 */
#include "proxy/http/http1.h"
#include "proxy/http/http2/http2_request.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/same_request.h"

const char *const fuzz_also[] = {NULL};

#define TEXT_MAX 65536u

static const struct http1_limits limits = {.head_max_bytes = TEXT_MAX, .headers_max = 128};
static const struct http2_request_limits http2_limits = {
	.head_max_bytes = 16384, .large_head_max_bytes = 16384, .headers_max = 100};

static bool
add_all(struct http2_fields *f, struct str lines)
{
	struct str line;

	while (str_next(&lines, '\n', &line)) {
		size_t equals = str_find_byte(line, '=');
		struct str name = equals == SIZE_MAX ? line : str_take(line, equals);
		struct str value = equals == SIZE_MAX ? STR_NONE : str_skip(line, equals + 1);

		if (!http2_fields_add(f, name, value))
			return false;
	}
	return true;
}

static void
add_line(struct buf *out, struct str name, struct str value)
{
	buf_add_str(out, name);
	buf_add_str(out, STR(": "));
	buf_add_str(out, value);
	buf_add_str(out, STR("\r\n"));
}

/* As a client would write it over HTTP/1.1. */
static void
write_head(struct buf *out, const struct request_head *r)
{
	buf_add_str(out, r->method);
	buf_add_str(out, STR(" "));
	buf_add_str(out, r->target);
	buf_add_str(out, STR(" HTTP/1.1\r\n"));
	for (size_t i = 0; i < r->headers.count; i++)
		add_line(out, r->headers.items[i].name, r->headers.items[i].value);
	if (r->wants_websocket) {
		add_line(out, STR("Connection"), STR("Upgrade"));
		add_line(out, STR("Upgrade"), STR("websocket"));
	}
	if (r->body == BODY_STREAM)
		add_line(out, STR("Transfer-Encoding"), STR("chunked"));
	buf_add_str(out, STR("\r\n"));
}

static void
check(const struct request_head *two)
{
	struct http1_scan scan = {0};
	struct http1_persistence persistence;
	struct request_head one;
	struct arena arena;
	struct err e = ERR_INIT;
	struct buf head;
	unsigned status;

	buf_init(&head, TEXT_MAX);
	write_head(&head, two);
	err_assert(buf_is_ok(&head));
	err_assert(http1_scan_head(&scan, buf_view(&head), &limits, &status) == HTTP1_COMPLETE);
	err_assert(scan.at == head.len);
	arena_init(&arena, 1 << 20);
	err_assert(http1_parse_request((struct str){head.data, head.len}, &scan, &one, &persistence,
				       &arena, &status, &e));
	err_assert(one.wants_websocket == two->wants_websocket && one.has_dot == two->has_dot);
	same_request_check(&one, two);
	arena_fini(&arena);
	buf_fini(&head);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str input = fuzz_input(data, size);
	bool has_ended = fuzz_take_byte(&input) % 2 == 0;
	struct http2_fields fields = {.limits = NULL};
	struct request_head request;
	struct arena arena;
	struct err e = ERR_INIT;
	unsigned status;

	http2_fields_begin(&fields, &http2_limits);
	if (add_all(&fields, input)) {
		enum http2_verdict verdict = http2_request_parse(&fields, has_ended, true, &request,
								 &arena, &status, &e);
		if (verdict == HTTP2_ACCEPTED)
			check(&request);
		if (verdict != HTTP2_MALFORMED)
			arena_fini(&arena);
	}
	http2_fields_fini(&fields);
	return 0;
}
