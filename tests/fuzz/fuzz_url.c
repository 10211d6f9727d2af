/* SPDX-License-Identifier: Apache-2.0 */
/*
 * URLs, authorities, return targets, queries and percent-encoding, each with the whole input.
 */
#include "base/url.h"
#include "tests/fuzz/fuzz.h"

static void
check_parse(struct str text)
{
	struct url u, again;
	struct arena arena;
	struct err e = ERR_INIT;

	arena_init(&arena, 1 << 16);
	if (url_parse(&u, text, &arena, &e)) {
		struct str host;
		uint16_t port;
		char *origin = url_origin(&u, &arena);

		err_assert(origin != NULL && u.port != 0 && u.host.len > 0);
		err_assert(url_parse(&again, str_from(origin), &arena, &e));
		err_assert(str_equal(again.host, u.host) && again.port == u.port);
		err_assert(u.host_is_ipv6 || url_split_authority(u.host, &host, &port));
	}
	arena_fini(&arena);
}

/* What browsers and careless decoders make of an accepted target stays on the origin. */
static void
check_target(struct str target)
{
	struct buf once, twice;

	if (!url_is_local_target(target))
		return;
	err_assert(target.data[0] == '/');
	err_assert(target.len == 1 || strchr("/\\", target.data[1]) == NULL);
	for (size_t i = 0; i < target.len; i++)
		err_assert((unsigned char)target.data[i] > 0x20);
	buf_init(&once, URL_MAX_BYTES);
	buf_init(&twice, URL_MAX_BYTES);
	if (url_decode(&once, target, false)) {
		for (size_t i = 0; i < once.len; i++)
			err_assert((unsigned char)once.data[i] >= 0x20);
		err_assert(once.len < 2 || strchr("/\\ ", once.data[1]) == NULL);
		if (url_decode(&twice, buf_view(&once), false) && twice.len > 1)
			err_assert(strchr("/\\ ", twice.data[1]) == NULL);
	}
	buf_fini(&once);
	buf_fini(&twice);
}

static void
check_encoding(struct str text)
{
	struct buf encoded, decoded;

	buf_init(&encoded, 3 * text.len);
	buf_init(&decoded, text.len);
	err_assert(url_encode(&encoded, text));
	if (str_find_byte(text, '\0') == SIZE_MAX) {
		err_assert(url_decode(&decoded, buf_view(&encoded), true));
		err_assert(str_equal(buf_view(&decoded), text));
	}
	buf_clear(&decoded);
	err_assert(!url_decode(&decoded, text, true) || decoded.len <= text.len);
	buf_fini(&encoded);
	buf_fini(&decoded);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str input = fuzz_input(data, size);
	struct str host, value;
	uint16_t port;

	if (url_split_authority(input, &host, &port))
		err_assert(host.len > 0 && host.data >= input.data);
	check_parse(input);
	check_target(input);
	check_encoding(input);
	if (url_query_find(input, STR("code"), &value) > 0)
		err_assert(value.len < input.len);
	return 0;
}
