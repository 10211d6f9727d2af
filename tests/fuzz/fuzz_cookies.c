/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Cookie headers (one per line of the input): the scan is bounded and stays within the bytes, and
 * no value opens that we did not seal.
 */
#include "auth/cookie/cookie.h"
#include "tests/fuzz/fuzz.h"

static struct str
get_header(const void *arg, struct str lower_name, size_t index)
{
	struct str rest = *(const struct str *)arg;
	struct str line;

	err_assert(str_equal(lower_name, STR("cookie")));
	while (str_next(&rest, '\n', &line))
		if (index-- == 0)
			return line;
	return STR_NONE;
}

static bool
is_within(struct str part, struct str whole)
{
	return part.len == 0 ||
	       (part.data >= whole.data && part.data + part.len <= whole.data + whole.len);
}

static const struct cookie_box *
get_box(void)
{
	static struct cookie_box box;

	if (box.count > 0)
		return &box;
	struct secret *secret = secret_from_str(STR("0123456789abcdef0123456789abcdef"));
	const struct auth_keys keys = {.keys = {secret}, .count = 1};
	struct err e = ERR_INIT;

	err_assert(cookie_box_init(&box, &keys, STR("https://ws.example"), &e));
	secret_free(secret);
	return &box;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str input = fuzz_input(data, size);
	struct auth_facts facts = {.header = get_header, .header_arg = &input};
	const struct cookie_use use = {.purpose = "session", .name = STR("__Host-wp")};
	struct cookie_scan scan;
	struct str name, value;
	struct buf out;
	size_t count = 0;

	buf_init(&out, 65536);
	cookie_scan_init(&scan, &facts);
	while (cookie_scan_next(&scan, &name, &value)) {
		err_assert(is_within(name, input) && is_within(value, input));
		err_assert(++count <= COOKIE_SCAN_PAIRS);
		err_assert(!cookie_open(get_box(), &use, value, &out) && out.len == 0);
	}
	buf_fini(&out);
	return 0;
}
