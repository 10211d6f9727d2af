/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which ports have a server: from tables as the kernel writes them, hostile ones, long ones, and
 * unreadable ones.
 */
#include "proxy/start/port_scan.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define HEAD "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid\n"
#define REST " 00000000:00000000 00:00000000 00000000  1000        0 12345 1 0 100 0 0 10 0\n"
#define IPV4 "00000000:0000"
#define IPV6 "00000000000000000000000000000000:0000"

static char directory[] = "/tmp/test_port_scan.XXXXXX";
static char tcp[64], tcp6[64], none[64];
static struct port_set wanted;
static struct port_list list;
static unsigned steps;

static int
set_up(void **state)
{
	(void)state;
	if (mkdtemp(directory) == NULL)
		return -1;
	(void)snprintf(tcp, sizeof(tcp), "%s/tcp", directory);
	(void)snprintf(tcp6, sizeof(tcp6), "%s/tcp6", directory);
	(void)snprintf(none, sizeof(none), "%s/none", directory);
	memset(&wanted, 0xff, sizeof(wanted));
	return 0;
}

static int
tear_down(void **state)
{
	(void)state;
	(void)unlink(tcp);
	(void)unlink(tcp6);
	return rmdir(directory);
}

static void
write_file(const char *path, struct str text)
{
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	assert_int_equal(fwrite(text.data, 1, text.len, file), text.len);
	assert_int_equal(fclose(file), 0);
}

static void
scan_files(const char *first, const char *second)
{
	const char *const paths[2] = {first, second};
	struct port_scan *scan = port_scan_new(paths);

	assert_non_null(scan);
	for (steps = 1; port_scan_step(scan); steps++)
		;
	port_scan_list(scan, &wanted, &list);
	port_scan_free(scan);
}

static void
scan_texts(const char *ipv4, const char *ipv6)
{
	write_file(tcp, str_from(ipv4));
	write_file(tcp6, str_from(ipv6));
	scan_files(tcp, tcp6);
	assert_string_equal(list.problem, "");
}

static void
assert_ports(const char *expected)
{
	char text[256] = "";
	size_t len = 0;

	for (size_t i = 0; i < list.count && len < sizeof(text); i++)
		len += (size_t)snprintf(text + len, sizeof(text) - len, "%u ", list.ports[i]);
	assert_string_equal(text, expected);
}

/* At an address of the pod alone, and of other networks, the sidecar does not get there. */
static void
test_what_is_reached(void **state)
{
	(void)state;
	scan_texts(HEAD "   0: 0100007F:1F90 " IPV4 " 0A" REST /* 127.0.0.1:8080 */
			"   1: 00000000:0BB8 " IPV4 " 0A" REST /* 0.0.0.0:3000 */
			"   2: 0500000A:0BB9 " IPV4 " 0A" REST /* 10.0.0.5:3001 */
			"   3: 0100007F:0BBA 0100007F:1234 01" REST,
		   HEAD "   0: 00000000000000000000000001000000:0BBB " IPV6 " 0A" REST /* ::1 */
			"   1: 00000000000000000000000000000000:0BB8 " IPV6 " 0A" REST /* :: */
			"   2: 0000000000000000FFFF00000100007F:0BBC " IPV6 " 0A" REST
			"   3: B80D0120000000000000000001000000:0BBD " IPV6 " 0A" REST);
	assert_ports("3000 3003 3004 8080 ");
	assert_int_equal(steps, 2);
}

static void
test_only_wanted_ones(void **state)
{
	struct err e = ERR_INIT;
	struct ports ports = {.count = 0};

	(void)state;
	assert_true(ports_parse(&ports, STR("1-3000,8080,8000-8100,65535"), &e));
	memset(&wanted, 0, sizeof(wanted));
	port_set_add_ranges(&wanted, &ports);
	port_set_remove(&wanted, 8001);
	scan_texts(HEAD "   0: 0100007F:1F90 " IPV4 " 0A" REST "   1: 0100007F:0BB8 " IPV4
			" 0A" REST "   2: 0100007F:0BB9 " IPV4 " 0A" REST
			"   3: 0100007F:FFFF " IPV4 " 0A" REST "   4: 0100007F:1F41 " IPV4
			" 0A" REST "   5: 0100007F:0001 " IPV4 " 0A" REST,
		   HEAD);
	assert_ports("1 3000 8080 65535 ");
	memset(&wanted, 0xff, sizeof(wanted));
}

static void
test_hostile_lines(void **state)
{
	static char zeros[] = HEAD "   0: 0100007F:1F90\0 " IPV4 " 0A" REST;

	(void)state;
	scan_texts("", "");
	assert_ports("");
	scan_texts("\n\n:\n0:\n 0: x x 0A\n 0: 0100007F:1F90\n 0: 0100007F:1F90 x 0A0A\n"
		   " 0: 0100007F:11F90 x 0A\n 0: 0100007F:1F9 x 0A\n 0: 0100007G:1F90 x 0A\n"
		   " 0: 0100007F01:1F90 x 0A\n 0: -100007F:1F90 x 0A\n 0: 0100007F:+F90 x 0A\n"
		   " 0: 0100007F:0BB8 x 0A\n 1: 0100007F:1F90 x 0A without an end",
		   " 0: 0100007F:1F91 x 0A\n");
	assert_ports("3000 ");
	write_file(tcp, (struct str){zeros, sizeof(zeros) - 1});
	scan_files(tcp, tcp6);
	assert_ports("");
}

/* An endless line is skipped in steps, and the lines after it are found. */
static void
test_endless_line(void **state)
{
	struct buf text;

	(void)state;
	buf_init(&text, 1u << 20);
	buf_add_str(&text, STR(" 0: 0100007F:0BB8 x 0A "));
	for (size_t i = 0; i < 300000; i++)
		buf_add_byte(&text, 'x');
	buf_add_str(&text, STR(" 0: 0100007F:0BB9 x 0A\n 1: 0100007F:1F90 x 0A\n"));
	assert_true(buf_is_ok(&text));
	write_file(tcp, buf_view(&text));
	buf_fini(&text);
	scan_files(tcp, none);
	assert_ports("8080 ");
}

static void
write_many(const char *path, unsigned first, unsigned count)
{
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	(void)fputs(HEAD, file);
	for (unsigned i = 0; i < count; i++)
		(void)fprintf(file, "%5u: 0100007F:%04X " IPV4 " 0A" REST, i, (first + i) & 0xffff);
	assert_int_equal(fclose(file), 0);
}

/* Each is found, wherever the steps cut the lines; the list keeps the lowest ones. */
static void
test_30000_sockets(void **state)
{
	struct err e = ERR_INIT;
	struct ports ports = {.count = 0};
	struct stat st;
	struct buf text;

	(void)state;
	write_many(tcp, 20000, 30000);
	assert_int_equal(stat(tcp, &st), 0);
	scan_files(tcp, none);
	assert_int_equal(list.count, PORT_LIST_MAX);
	assert_int_equal(list.count + list.more, 30000);
	assert_int_equal(list.ports[0], 20000);
	assert_int_equal(list.ports[31], 20031);
	assert_in_range(steps, (unsigned)st.st_size / 81920, (unsigned)st.st_size / 65536 + 4);

	buf_init(&text, 4096);
	for (unsigned i = 0; i < PORTS_RANGES_MAX; i++)
		buf_addf(&text, "%s%u-%u", i == 0 ? "" : ",", 19000 + i * 600, 19000 + i * 600);
	assert_true(ports_parse(&ports, buf_view(&text), &e));
	buf_fini(&text);
	memset(&wanted, 0, sizeof(wanted));
	port_set_add_ranges(&wanted, &ports);
	scan_files(tcp, none);
	assert_int_equal(list.count + list.more, 50); /* 20200, 20800 … 49600 */
	assert_int_equal(list.ports[0], 20200);
	memset(&wanted, 0xff, sizeof(wanted));
}

/* Any number of connections may follow the listening sockets. */
static void
test_connections_are_not_all_read(void **state)
{
	FILE *file = fopen(tcp, "w");

	(void)state;
	assert_non_null(file);
	(void)fputs(HEAD, file);
	for (unsigned i = 0; i < 20000; i++) {
		bool listens = i == 0 || i == 200 || i == 19999;

		(void)fprintf(file, "%5u: 0100007F:%04X " IPV4 " %s" REST, i, 8000 + i,
			      listens ? "0A" : "06");
	}
	assert_int_equal(fclose(file), 0);
	scan_files(tcp, none);
	assert_ports("8000 8200 ");
	assert_in_range(steps, 2, 4);
}

static void
test_a_file_ends_at_the_limit(void **state)
{
	(void)state;
	write_many(tcp, 1, 65535);
	scan_files(tcp, none);
	assert_string_equal(list.problem, "");
	assert_in_range(steps, 90, 131);
	assert_in_range(list.count + list.more, 50000, 65535);
}

static void
assert_says(const char *part)
{
	assert_int_equal(list.count + list.more, 0);
	if (strstr(list.problem, part) == NULL)
		fail_msg("\"%s\" does not say \"%s\"", list.problem, part);
}

static void
test_unreadable_tables(void **state)
{
	(void)state;
	write_file(tcp, STR(" 0: 0100007F:0BB8 x 0A\n"));
	scan_files(tcp, none); /* no IPv6 */
	assert_ports("3000 ");
	scan_files(tcp, directory);
	assert_says("could not be read (Is a directory).");
	scan_files(directory, tcp);
	assert_says("The ports in use can't be listed: /tmp/");
	scan_files(none, none);
	assert_says("(No such file or directory).");
}

static void
test_tables_of_the_kernel(void **state)
{
	(void)state;
	scan_files("/proc/net/tcp", "/proc/net/tcp6");
	assert_string_equal(list.problem, "");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_is_reached),
		cmocka_unit_test(test_only_wanted_ones),
		cmocka_unit_test(test_hostile_lines),
		cmocka_unit_test(test_endless_line),
		cmocka_unit_test(test_30000_sockets),
		cmocka_unit_test(test_connections_are_not_all_read),
		cmocka_unit_test(test_a_file_ends_at_the_limit),
		cmocka_unit_test(test_unreadable_tables),
		cmocka_unit_test(test_tables_of_the_kernel),
	};

	return cmocka_run_group_tests_name("proxy/port_scan", tests, set_up, tear_down);
}
