/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A request that HTTP/1.1 accepts is the same request over HTTP/2: from its head the fields of a
 * header block are made, as a browser would write them. Left out is what only HTTP/1.1 has.
 */
#include "proxy/http/http1.h"
#include "proxy/http/http2/http2_request.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/same_request.h"

const char *const fuzz_also[] = {"fuzz_request_head", "fuzz_differential", NULL};

static const struct http1_limits limits = {.head_max_bytes = 16384, .headers_max = 100};
static const struct http2_request_limits http2_limits = {
	.head_max_bytes = 65536, .large_head_max_bytes = 65536, .headers_max = 100};

static struct str
lower(struct str text, struct arena *a)
{
	char *copy = arena_dup(a, text);

	err_assert(copy != NULL);
	for (size_t i = 0; i < text.len; i++)
		if (copy[i] >= 'A' && copy[i] <= 'Z')
			copy[i] = (char)(copy[i] - 'A' + 'a');
	return (struct str){copy, text.len};
}

static void
add(struct http2_fields *f, struct str name, struct str value)
{
	err_assert(http2_fields_add(f, name, value));
}

static void
add_all(struct http2_fields *f, const struct request_head *r, struct arena *a)
{
	add(f, STR(":method"), r->method);
	add(f, STR(":scheme"), STR("https"));
	add(f, STR(":authority"), r->authority);
	add(f, STR(":path"), r->target);
	for (size_t i = 0; i < r->headers.count; i++)
		if (!same_request_omits(&r->headers.items[i]))
			add(f, lower(r->headers.items[i].name, a), r->headers.items[i].value);
	if (r->accepts_trailers)
		add(f, STR("te"), STR("trailers"));
}

static void
check(const struct request_head *one)
{
	struct http2_fields fields = {.limits = NULL};
	struct request_head two;
	struct arena names;
	struct arena arena;
	struct err e = ERR_INIT;
	unsigned status;

	arena_init(&names, 1 << 20);
	http2_fields_begin(&fields, &http2_limits);
	add_all(&fields, one, &names);
	err_assert(http2_request_parse(&fields, one->body == BODY_NONE, true, &two, &arena, &status,
				       &e) == HTTP2_ACCEPTED);
	same_request_check(one, &two);
	arena_fini(&arena);
	arena_fini(&names);
	http2_fields_fini(&fields);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str input = fuzz_input(data, size);
	struct http1_scan scan = {0};
	struct http1_persistence persistence;
	struct request_head request;
	struct arena arena;
	struct err e = ERR_INIT;
	unsigned status;

	(void)fuzz_take_byte(&input);
	if (http1_scan_head(&scan, input, &limits, &status) != HTTP1_COMPLETE)
		return 0;
	char *head = fuzz_copy(str_take(input, scan.at));
	arena_init(&arena, 1 << 20);
	if (http1_parse_request((struct str){head, scan.at}, &scan, &request, &persistence, &arena,
				&status, &e) &&
	    !persistence.is_http10)
		check(&request);
	arena_fini(&arena);
	free(head);
	return 0;
}
