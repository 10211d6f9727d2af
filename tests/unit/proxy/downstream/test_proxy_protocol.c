/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PROXY headers: both versions, every prefix of valid ones, and invalid ones.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "proxy/downstream/proxy_protocol.h"

#define V2	  "\r\n\r\n\0\r\nQUIT\n"
#define CRC	  "\xc9\x1d\x66\x93"
#define ADDRESSES "\xc0\0\x02\x01\xc0\0\x02\x02\x04\xd2\x01\xbb"

static void
check_whole(struct str header, const char *client)
{
	char joined[PROXY_PROTOCOL_MAX + 8];
	struct address a;
	struct err e = ERR_INIT;
	char text[ADDRESS_TEXT_MAX] = "";
	size_t used;

	memcpy(joined, header.data, header.len);
	memcpy(joined + header.len, "GET /", 5);
	for (size_t len = 0; len < header.len; len++)
		assert_int_equal(proxy_protocol_parse(str_take(header, len), &used, &a, &e),
				 PROXY_PROTOCOL_MORE);
	assert_int_equal(proxy_protocol_parse((struct str){joined, header.len + 5}, &used, &a, &e),
			 PROXY_PROTOCOL_COMPLETE);
	assert_int_equal(used, header.len);
	if (address_is_set(&a))
		address_format(&a, text, sizeof(text));
	assert_string_equal(text, client);
}

static void
test_whole_headers(void **state)
{
	(void)state;
	check_whole(STR("PROXY TCP4 192.0.2.1 192.0.2.2 1234 443\r\n"), "192.0.2.1:1234");
	check_whole(STR("PROXY TCP6 2001:db8::1 ::1 1 65535\r\n"), "[2001:db8::1]:1");
	check_whole(STR("PROXY UNKNOWN\r\n"), "");
	check_whole(STR("PROXY UNKNOWN whatever it says\r\n"), "");
	check_whole(STR(V2 "\x21\x11\0\x0c\xc0\0\x02\x01\xc0\0\x02\x02\x04\xd2\x01\xbb"),
		    "192.0.2.1:1234");
	check_whole(STR(V2 "\x21\x21\0\x24"
			   "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x01"
			   "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x01"
			   "\0\x01\xff\xff"),
		    "[2001:db8::1]:1");
	check_whole(STR(V2 "\x20\0\0\0"), "");
	check_whole(STR(V2 "\x21\0\0\0"), "");
	/* An extension behind the addresses is passed over. */
	check_whole(STR(V2 "\x21\x11\0\x10\xc0\0\x02\x01\xc0\0\x02\x02\x04\xd2\x01\xbb\x04\0\x01x"),
		    "192.0.2.1:1234");
}

/* PP2_TYPE_NOOP, ALPN, UNIQUE_ID, SSL with a nested version, and types that nobody knows. */
static void
test_extensions_are_skipped(void **state)
{
	(void)state;
	check_whole(STR(V2 "\x21\x11\0\x0f" ADDRESSES "\x04\0\0"), "192.0.2.1:1234");
	check_whole(STR(V2 "\x21\x11\0\x16" ADDRESSES "\x01\0\x02h2\x05\0\x02id"),
		    "192.0.2.1:1234");
	check_whole(STR(V2 "\x21\x11\0\x1a" ADDRESSES "\x20\0\x0b\x01\0\0\0\0\x21\0\x03"
			   "1.3"),
		    "192.0.2.1:1234");
	check_whole(STR(V2 "\x21\x11\0\x13" ADDRESSES "\x03\0\x04" CRC), "192.0.2.1:1234");
	check_whole(STR(V2 "\x21\x11\0\x13" ADDRESSES "\xea\0\x04\x01vpc"), "192.0.2.1:1234");
	/* LOCAL, or an unknown family: the rest of the header is ignored. */
	check_whole(STR(V2 "\x20\x11\0\x02xx"), "");
	check_whole(STR(V2 "\x21\0\0\x03\x04\0\x09"), "");
	/* The address of a datagram is not used for a connection. */
	check_whole(STR(V2 "\x21\x12\0\x0c" ADDRESSES), "");
}

static void
test_unix_addresses(void **state)
{
	char header[16 + 216 + 3] = V2 "\x21\x31\0\xdb";
	struct address a;
	struct err e = ERR_INIT;
	size_t used;

	(void)state;
	memcpy(header + 16 + 216, "\x04\0\0", 3);
	check_whole((struct str){header, sizeof(header)}, "");
	header[sizeof(header) - 1] = 1;
	assert_int_equal(proxy_protocol_parse((struct str){header, sizeof(header)}, &used, &a, &e),
			 PROXY_PROTOCOL_BAD);
}

static void
test_long_unique_ids(void **state)
{
	char header[16 + 12 + 3 + 129] = V2 "\x21\x11\0\x8f" ADDRESSES "\x05\0\x80";
	struct address a;
	struct err e = ERR_INIT;
	size_t used;

	(void)state;
	check_whole((struct str){header, sizeof(header) - 1}, "192.0.2.1:1234");
	header[15] = (char)0x90;
	header[30] = (char)0x81;
	assert_int_equal(proxy_protocol_parse((struct str){header, sizeof(header)}, &used, &a, &e),
			 PROXY_PROTOCOL_BAD);
}

static void
test_refusals(void **state)
{
	static const struct str bad[] = {
		{"GET / HTTP/1.1\r\n", 16},
		{"\x16\x03\x01", 3},
		{"PROXY TCP4 1.2.3.4 5.6.7.8 1 2\n", 31},
		{"PROXY TCP4 1.2.3.4 5.6.7.8 1\r\n", 30},
		{"PROXY TCP4 1.2.3.4 5.6.7.8 1 2 3\r\n", 34},
		{"PROXY TCP4 1.2.3.4 5.6.7.8 1 65536\r\n", 36},
		{"PROXY TCP4 1.2.3.4 5.6.7.8 -1 2\r\n", 33},
		{"PROXY TCP4 ::1 ::1 1 2\r\n", 24},
		{"PROXY TCP6 1.2.3.4 5.6.7.8 1 2\r\n", 32},
		{"PROXY TCP5 1.2.3.4 5.6.7.8 1 2\r\n", 32},
		{"proxy TCP4 1.2.3.4 5.6.7.8 1 2\r\n", 32},
		{V2 "\x31\x11\0\x0c", 16},
		{V2 "\x22\x11\0\x0c", 16},
		{V2 "\x21\x11\xff\xff", 16},
		{V2 "\x21\x11\0\x02xx", 18},
		{V2 "\x21\x21\0\x0c............", 28},
		{V2 "\x21\x31\0\x0c............", 28},
		{V2 "\x21\x41\0\0", 16},
		{V2 "\x21\x13\0\0", 16},
		/* extensions: cut off in their head or value, of a wrong size, a wrong checksum */
		{V2 "\x21\x11\0\x0d" ADDRESSES "\x04", 29},
		{V2 "\x21\x11\0\x0e" ADDRESSES "\x04\0", 30},
		{V2 "\x21\x11\0\x10" ADDRESSES "\x04\0\x02x", 32},
		{V2 "\x21\x11\0\x10" ADDRESSES "\x04\xff\xffx", 32},
		{V2 "\x21\x11\0\x12" ADDRESSES "\x03\0\x03xxx", 34},
		{V2 "\x21\x11\0\x13" ADDRESSES "\x03\0\x04\x34\x11\x7e\x5c", 35},
		{V2 "\x21\x11\0\x13" ADDRESSES "\x20\0\x04xxxx", 35},
		{V2 "\x21\x11\0\x17" ADDRESSES "\x20\0\x08\x01\0\0\0\0\x21\0\x01", 39},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct address a;
		struct err e = ERR_INIT;
		size_t used;
		if (proxy_protocol_parse(bad[i], &used, &a, &e) != PROXY_PROTOCOL_BAD)
			fail_msg("case %zu is taken", i);
		assert_int_equal(e.code, ERR_INPUT);
	}
}

static void
test_endless_line(void **state)
{
	char line[200];
	struct address a;
	struct err e = ERR_INIT;
	size_t used;

	(void)state;
	memset(line, 'x', sizeof(line));
	memcpy(line, "PROXY ", 6);
	assert_int_equal(proxy_protocol_parse((struct str){line, 106}, &used, &a, &e),
			 PROXY_PROTOCOL_MORE);
	assert_int_equal(proxy_protocol_parse((struct str){line, 107}, &used, &a, &e),
			 PROXY_PROTOCOL_BAD);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_whole_headers),
		cmocka_unit_test(test_extensions_are_skipped),
		cmocka_unit_test(test_unix_addresses),
		cmocka_unit_test(test_long_unique_ids),
		cmocka_unit_test(test_refusals),
		cmocka_unit_test(test_endless_line),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
