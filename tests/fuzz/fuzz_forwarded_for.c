/* SPDX-License-Identifier: Apache-2.0 */
/*
 * X-Forwarded-For and its like (the input is header lines): only a trusted peer's word counts, and
 * of it only what is behind the last address that is not trusted itself. The first byte chooses the
 * peer.
 */
#include "proxy/http/forward.h"
#include "proxy/http/http1.h"
#include "tests/fuzz/fuzz.h"

#define TRUSTED	 STR("10.1.2.3")
#define STRANGER STR("192.0.2.7")
#define LIST_MAX 512u /* longer lists are not passed on */

static const struct http1_limits limits = {.head_max_bytes = 8192, .headers_max = 64};

static const struct cidr_set *
get_trusted(void)
{
	static struct cidr_set set;
	struct err e = ERR_INIT;

	if (set.count == 0)
		err_assert(cidr_parse(&set, STR("10.0.0.0/8,fd00::/8,2001:db8::1"), &e));
	return &set;
}

/* Ours reads from the end; this reads from the beginning, and remembers whom those that are still
 * to come would vouch for. */
static struct str
find_client(struct str list, struct str peer)
{
	struct str client = STR_NONE;
	struct str part;

	while (str_next(&list, ',', &part)) {
		part = str_trim(part);
		if (part.len == 0)
			client = STR_NONE;
		else if (client.len == 0 || !cidr_contains_text(get_trusted(), part))
			client = part;
	}
	return client.len == 0 ? peer : client;
}

/* All lines of the field as one list; empty when it is too long. */
static struct str
join_lines(const struct headers *h, struct buf *out)
{
	struct str value;

	for (size_t i = 0; (value = headers_get(h, STR("x-forwarded-for"), i)).data != NULL; i++) {
		buf_add_str(out, i > 0 ? STR(", ") : STR_NONE);
		buf_add_str(out, value);
	}
	return out->len > LIST_MAX ? STR_NONE : buf_view(out);
}

static void
check(const struct headers *h, struct str peer, struct arena *arena)
{
	struct str client, forwarded_for;
	struct buf joined;

	buf_init(&joined, 65536);
	struct str list = join_lines(h, &joined);

	err_assert(forward_find_client(get_trusted(), h, peer, arena, &client, &forwarded_for));
	if (!str_equal(peer, TRUSTED) || list.len == 0) {
		err_assert(str_equal(client, peer) && str_equal(forwarded_for, peer));
		buf_fini(&joined);
		return;
	}
	err_assert(client.len > 0 && str_equal(client, find_client(list, peer)));
	err_assert(str_find_byte(client, ',') == SIZE_MAX && str_trim(client).len == client.len);
	err_assert(forwarded_for.len == list.len + 2 + peer.len);
	err_assert(str_starts_with(forwarded_for, list) && str_ends_with(forwarded_for, peer));
	buf_fini(&joined);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str input = fuzz_input(data, size);
	struct str peer = (fuzz_take_byte(&input) & 1) != 0 ? TRUSTED : STRANGER;
	struct http1_persistence persistence;
	struct http1_scan scan = {0};
	struct request_head r;
	struct arena arena;
	struct buf head;
	struct err e = ERR_INIT;
	unsigned status;

	buf_init(&head, 65536);
	arena_init(&arena, 1 << 20);
	buf_add_str(&head, STR("GET / HTTP/1.1\r\nHost: ws.example\r\n"));
	buf_add_str(&head, input);
	buf_add_str(&head, STR("\r\n\r\n"));
	if (buf_is_ok(&head) &&
	    http1_scan_head(&scan, buf_view(&head), &limits, &status) == HTTP1_COMPLETE &&
	    http1_parse_request(str_take(buf_view(&head), scan.at), &scan, &r, &persistence, &arena,
				&status, &e))
		check(&r.headers, peer, &arena);
	arena_fini(&arena);
	buf_fini(&head);
	return 0;
}
