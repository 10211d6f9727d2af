/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The response heads to one request, one behind the other, up to the final one. The bits of the
 * first byte: to HEAD, to a WebSocket handshake, for a client that accepts trailers, and which
 * codings it accepts. What is accepted has one framing; interim responses are few, and a 101
 * answers the handshake. What a gateway changes for compression and for cookies leaves a head that
 * is still one, with the same content type, and nothing that describes other bytes.
 */
#include "proxy/http/content_coding.h"
#include "proxy/http/forward.h"
#include "proxy/http/http1.h"
#include "proxy/http/response_check.h"
#include "proxy/http/set_cookie.h"
#include "tests/fuzz/fuzz.h"

#define KEY    "dGhlIHNhbXBsZSBub25jZQ=="
#define ACCEPT "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="

static const struct http1_limits limits = {.head_max_bytes = 4096, .headers_max = 32};
static const struct http1_limits wide = {.head_max_bytes = 65536, .headers_max = 64};

bool
auth_owns_cookie(const struct auth *a, struct str name)
{
	(void)a;
	return str_equal(name, STR("__Host-wp"));
}

struct client {
	struct header items[4];
	struct request_head request;
	bool asks_upgrade;
	enum content_coding expected;
};

static void
make_client(struct client *c, unsigned choice)
{
	static const struct str accepted[] = {
		{"gzip", 4}, {"zstd, gzip;q=0.5", 16}, {"gzip;q=0", 8}, {"br", 2}};
	static const enum content_coding codings[] = {CONTENT_CODING_GZIP, CONTENT_CODING_ZSTD,
						      CONTENT_CODING_IDENTITY,
						      CONTENT_CODING_IDENTITY};

	*c = (struct client){.asks_upgrade = (choice & 2) != 0};
	c->request = (struct request_head){.method = STR("GET"),
					   .path = STR("/a.js"),
					   .is_head = (choice & 1) != 0,
					   .accepts_trailers = (choice & 5) == 4,
					   .headers = {.items = c->items, .size = 4}};
	headers_add_own(&c->request.headers, STR("Accept-Encoding"), accepted[choice >> 3 & 3]);
	c->expected = codings[choice >> 3 & 3];
	c->request.upgrade = c->asks_upgrade ? STR("websocket") : STR_NONE;
	if (c->asks_upgrade)
		headers_add_own(&c->request.headers, STR("Sec-WebSocket-Key"), STR(KEY));
}

static void
check_framing(const struct response_head *r, const struct http1_persistence *p, bool to_head)
{
	bool has_body = r->body != BODY_NONE;

	err_assert(r->status >= 100 && r->status <= 599);
	err_assert(has_body == (p->framing != HTTP1_FRAMING_NONE));
	err_assert(!has_body ||
		   !(to_head || r->status < 200 || r->status == 204 || r->status == 304));
	err_assert(p->framing != HTTP1_FRAMING_CLOSE || !p->keep_alive);
	err_assert((r->body == BODY_LENGTH) == (p->framing == HTTP1_FRAMING_LENGTH));
	err_assert(r->upgrade.len == 0 || r->status == 101);
	for (size_t i = 0; i < r->headers.count; i++) {
		struct str value = r->headers.items[i].value;
		err_assert(str_find_byte(value, '\r') == SIZE_MAX);
		err_assert(str_find_byte(value, '\n') == SIZE_MAX);
		err_assert(str_find_byte(value, '\0') == SIZE_MAX);
	}
}

/* The rules of response_check, counted and compared in another way. */
static void
check_order(const struct client *c, const struct response_head *r, unsigned interim, bool ok)
{
	unsigned right = 0;
	unsigned all = 0;

	for (size_t i = 0; r->status == 101 && i < r->headers.count; i++)
		if (r->headers.items[i].id == HEADER_SEC_WEBSOCKET_ACCEPT) {
			right += str_equal(r->headers.items[i].value, STR(ACCEPT));
			all++;
		}
	if (r->status == 101)
		err_assert(ok ==
			   (c->asks_upgrade && str_equal_nocase(r->upgrade, STR("websocket")) &&
			    right == 1 && all == 1));
	else
		err_assert(ok == (r->status >= 200 || interim <= 32));
}

/* Written and read again, it has the same fields. */
static void
check_written(const struct response_head *r, struct arena *a)
{
	struct http1_scan scan = {0};
	struct http1_persistence p;
	struct response_head again;
	struct err e = ERR_INIT;
	struct buf out;
	unsigned status;

	buf_init(&out, 1 << 17);
	http1_write_status_line(&out, r->status);
	http1_write_fields(&out, &r->headers);
	http1_write_end(&out);
	err_assert(buf_is_ok(&out));
	err_assert(http1_scan_head(&scan, buf_view(&out), &wide, &status) == HTTP1_COMPLETE);
	err_assert(http1_parse_response(buf_view(&out), &scan, false, &again, &p, a, &e));
	err_assert(again.headers.count == r->headers.count);
	for (size_t i = 0; i < again.headers.count; i++)
		err_assert(str_equal(again.headers.items[i].name, r->headers.items[i].name) &&
			   str_equal(again.headers.items[i].value, r->headers.items[i].value));
	buf_fini(&out);
}

static void
check_coded(const struct response_head *r)
{
	static const struct str gone[] = {{"content-length", 14}, {"content-range", 13},
					  {"content-digest", 14}, {"repr-digest", 11},
					  {"digest", 6},	  {"content-md5", 11},
					  {"accept-ranges", 13}};
	struct str etag = headers_get(&r->headers, STR("etag"), 0);

	err_assert(r->body != BODY_LENGTH && !r->has_length);
	err_assert(headers_get(&r->headers, STR("content-encoding"), 1).data == NULL);
	err_assert(etag.len == 0 || str_starts_with(etag, STR("W/")));
	err_assert(headers_get(&r->headers, STR("vary"), 0).data != NULL);
	for (size_t i = 0; i < sizeof(gone) / sizeof(gone[0]); i++)
		err_assert(headers_get(&r->headers, gone[i], 0).data == NULL &&
			   !headers_has_token(&r->headers, HEADER_TRAILER, gone[i]));
}

/* In the order of the proxy: filter, cookies, compression. */
static void
check_changes(const struct client *c, struct response_head *r, struct arena *a)
{
	struct str type = headers_get(&r->headers, STR("content-type"), 0);

	forward_filter_response(NULL, c->request.accepts_trailers, r);
	err_assert(set_cookie_confine(&r->headers, STR("ws.example"), a));
	if (r->status >= 200 &&
	    content_coding_is_eligible(&c->request, r, STR(CONTENT_CODING_TYPES))) {
		enum content_coding coding = content_coding_choose(&c->request.headers);
		err_assert(coding == c->expected && r->status == 200);
		content_coding_add_vary(&r->headers);
		if (coding != CONTENT_CODING_IDENTITY) {
			err_assert(content_coding_apply(r, coding, a));
			check_coded(r);
		}
	}
	struct str now = headers_get(&r->headers, STR("content-type"), 0);
	err_assert(now.data == NULL || str_equal(now, type));
	check_written(r, a);
}

/* Returns the bytes used; 0: no further head. */
static size_t
take_head(const struct client *c, struct response_check *check, unsigned *interim, struct str input)
{
	struct http1_scan scan = {0};
	struct http1_persistence p;
	struct response_head r;
	struct arena arena;
	struct err e = ERR_INIT;
	unsigned status = 0;
	size_t used = 0;

	if (http1_scan_head(&scan, input, &limits, &status) != HTTP1_COMPLETE)
		return 0;
	char *head = fuzz_copy(str_take(input, scan.at));
	arena_init(&arena, 1 << 20);
	if (http1_parse_response((struct str){head, scan.at}, &scan, c->request.is_head, &r, &p,
				 &arena, &e)) {
		check_framing(&r, &p, c->request.is_head);
		*interim += r.status < 200 && r.status != 101;
		bool ok = response_check_head(check, &r, &e);
		check_order(c, &r, *interim, ok);
		if (ok) {
			used = r.status < 200 && r.status != 101 ? scan.at : 0;
			check_changes(c, &r, &arena);
			for (int i = 0; i < 8; i++)
				headers_add_own(&r.headers, STR("Set-Cookie"), STR("a=b"));
		}
	}
	err_assert(e.code == ERR_NONE || e.code == ERR_PROTOCOL);
	arena_fini(&arena);
	free(head);
	return used;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str input = fuzz_input(data, size);
	struct response_check check;
	struct client c;
	unsigned interim = 0;
	size_t used;

	make_client(&c, fuzz_take_byte(&input));
	response_check_init(&check, &c.request);
	while ((used = take_head(&c, &check, &interim, input)) > 0)
		input = str_skip(input, used);
	return 0;
}
