/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Response heads, to HEAD or not by the first byte: what is accepted has one framing, and its
 * fields can be written anew.
 */
#include "proxy/http/http1.h"
#include "tests/fuzz/fuzz.h"

static const struct http1_limits limits = {.head_max_bytes = 4096, .headers_max = 32};

static void
check_response(const struct response_head *r, const struct http1_persistence *p, bool to_head)
{
	bool has_body = r->body != BODY_NONE;

	err_assert(r->status >= 100 && r->status <= 599);
	err_assert(has_body == (p->framing != HTTP1_FRAMING_NONE));
	err_assert(!has_body ||
		   !(to_head || r->status < 200 || r->status == 204 || r->status == 304));
	err_assert(p->framing != HTTP1_FRAMING_CLOSE || !p->keep_alive);
	err_assert((r->body == BODY_LENGTH) == (p->framing == HTTP1_FRAMING_LENGTH));
	err_assert(!r->upgrades || r->status == 101);
	for (size_t i = 0; i < r->headers.count; i++) {
		struct str value = r->headers.items[i].value;
		err_assert(str_find_byte(value, '\r') == SIZE_MAX);
		err_assert(str_find_byte(value, '\n') == SIZE_MAX);
		err_assert(str_find_byte(value, '\0') == SIZE_MAX);
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str input = fuzz_input(data, size);
	bool to_head = (fuzz_take_byte(&input) & 1) != 0;
	struct http1_scan scan = {0};
	struct response_head r;
	struct http1_persistence p;
	struct arena arena;
	struct err e = ERR_INIT;
	unsigned status = 0;

	if (http1_scan_head(&scan, input, &limits, &status) != HTTP1_WHOLE)
		return 0;
	char *head = fuzz_copy(str_take(input, scan.at));
	arena_init(&arena, 1 << 20);
	if (http1_parse_response((struct str){head, scan.at}, &scan, to_head, &r, &p, &arena, &e)) {
		check_response(&r, &p, to_head);
		for (int i = 0; i < 8; i++)
			headers_add_own(&r.headers, STR("Set-Cookie"), STR("a=b"));
	} else {
		err_assert(e.code == ERR_PROTOCOL);
	}
	arena_fini(&arena);
	free(head);
	return 0;
}
