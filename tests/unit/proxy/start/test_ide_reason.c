/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Why the IDE does not respond: from listening sockets, and from the last lines of its log.
 */
#include "proxy/start/ide_reason.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define HEAD "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid\n"
#define REST " 00000000:00000000 00:00000000 00000000  1000        0 12345 1\n"

static struct address upstream[2];
static struct ide_reason_facts facts = {.upstream = upstream, .own_ports = {8443, 0, 9877}};
static struct ide_reason reason;

static int
setup(void **state)
{
	struct err e = ERR_INIT;

	(void)state;
	facts.upstream_count = 1;
	facts.reported_exit = NULL;
	return address_parse(&upstream[0], STR("127.0.0.1:60001"), &e) &&
			       address_parse(&upstream[1], STR("[::1]:60001"), &e)
		       ? 0
		       : -1;
}

static void
find(const char *tcp, const char *tcp6)
{
	struct listening l = {.port = address_port(&upstream[0])};

	(void)listening_parse(&l, str_from(tcp), true);
	(void)listening_parse(&l, str_from(tcp6), false);
	ide_reason_from_sockets(&reason, &facts, &l);
}

static void
assert_says(enum ide_reason_code code, const char *part)
{
	assert_int_equal(reason.code, code);
	if (strstr(reason.message, part) == NULL)
		fail_msg("\"%s\" does not say \"%s\"", reason.message, part);
	assert_true(strlen(reason.hint) > 20);
}

static void
test_nothing_listens(void **state)
{
	(void)state;
	find("", "");
	assert_says(IDE_REASON_NOTHING_LISTENS, "Nothing listens at 127.0.0.1:60001");
	/* Our own listeners and connections (state 01) are none. */
	find(HEAD "  0: 00000000:20FB 00000000:0000 0A" REST
		  "  1: 0100007F:2695 00000000:0000 0A" REST
		  "  2: 0100007F:1F90 0100007F:EA61 01" REST,
	     HEAD);
	assert_says(IDE_REASON_NOTHING_LISTENS, "60001");
}

static void
test_another_port(void **state)
{
	(void)state;
	find(HEAD "  0: 0100007F:1F90 00000000:0000 0A" REST, "");
	assert_says(IDE_REASON_OTHER_PORT,
		    "Nothing listens at port 60001. Servers listen at port 8080.");
	find(HEAD "  0: 0100007F:1F90 00000000:0000 0A" REST
		  "  1: 00000000:0BB8 00000000:0000 0A" REST,
	     HEAD
	     "  0: 00000000000000000000000000000000:1F90 00000000000000000000000000000000:0000 "
	     "0A" REST);
	assert_says(IDE_REASON_OTHER_PORT, "the ports 8080, 3000.");
}

static void
test_another_address(void **state)
{
	(void)state;
	find(HEAD "  0: 0500000A:EA61 00000000:0000 0A" REST, "");
	assert_says(IDE_REASON_OTHER_ADDRESS,
		    "only on the address 10.0.0.5, not at 127.0.0.1:60001");
	find("", HEAD "  0: 00000000000000000000000001000000:EA61 "
		      "00000000000000000000000000000000:0000 0A" REST);
	assert_says(IDE_REASON_OTHER_ADDRESS, "::1");
}

static void
test_a_server_that_takes_no_connections(void **state)
{
	(void)state;
	find(HEAD "  0: 0100007F:EA61 00000000:0000 0A" REST, "");
	assert_says(IDE_REASON_NOT_ACCEPTING, "does not accept connections");
	find(HEAD "  0: 00000000:EA61 00000000:0000 0A" REST, "");
	assert_says(IDE_REASON_NOT_ACCEPTING, "does not accept connections");
	find("", HEAD "  0: 00000000000000000000000000000000:EA61 "
		      "00000000000000000000000000000000:0000 0A" REST);
	assert_says(IDE_REASON_NOT_ACCEPTING, "does not accept connections");
	facts.upstream_count = 2; /* UPSTREAM=http://localhost:60001 */
	find("", HEAD "  0: 00000000000000000000000001000000:EA61 "
		      "00000000000000000000000000000000:0000 0A" REST);
	assert_says(IDE_REASON_NOT_ACCEPTING, "does not accept connections");
}

/* Sockets at the IDE's port are found behind any number of others. */
static void
test_many_others(void **state)
{
	static const char ide[] = "  0: 0500000A:EA61 00000000:0000 0A" REST
				  "  1: 0100007F:EA61 00000000:0000 0A" REST;
	struct listening l = {.port = 60001};
	char line[128];

	(void)state;
	for (unsigned i = 0; i < 1000; i++) {
		(void)snprintf(line, sizeof(line), "  0: %08X:%04X 00000000:0000 0A" REST,
			       0x7F + (i << 24), 1000 + i);
		assert_true(listening_parse(&l, str_from(line), true));
		assert_true(listening_parse(&l, str_from(line), true));
	}
	assert_int_equal(l.count, LISTENING_OTHERS_MAX);
	for (unsigned i = 0; i < LISTENING_MAX; i++)
		assert_true(listening_parse(&l, str_from(ide), true));
	assert_int_equal(l.count, LISTENING_OTHERS_MAX + 2);
	ide_reason_from_sockets(&reason, &facts, &l);
	assert_says(IDE_REASON_NOT_ACCEPTING, "does not accept connections");
	assert_false(
		listening_parse(&l, STR(HEAD "  2: 0100007F:1F90 0100007F:EA61 01" REST), true));
}

static void
test_garbage(void **state)
{
	(void)state;
	find("0A\n: 0A\n  0: zz00007F:EA61 x 0A\n  0: 0100007F:EA61\n  0: 0100007F-EA61 0 0A\n",
	     "\n\n");
	assert_says(IDE_REASON_NOTHING_LISTENS, "60001");
}

#define MANY 600 /* more than 64 KiB of the file */

/* The kernel's own files, with more sockets than are listed. Each finds itself. */
static void
test_what_listens_here(void **state)
{
	static int fds[MANY];
	static struct address own[MANY];
	static struct listening l;
	struct err e = ERR_INIT;
	struct ip loopback;

	(void)state;
	for (size_t i = 0; i < MANY; i++) {
		fds[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
		assert_true(address_parse(&own[i], STR("127.0.0.1:0"), &e));
		assert_int_equal(bind(fds[i], (struct sockaddr *)&own[i].sa, own[i].len), 0);
		assert_int_equal(listen(fds[i], 1), 0);
		assert_int_equal(getsockname(fds[i], (struct sockaddr *)&own[i].sa, &own[i].len),
				 0);
	}
	for (size_t i = 0; i < MANY; i += MANY / 10) {
		bool is_found = false;

		assert_true(address_get_ip(&own[i], &loopback));
		l.port = address_port(&own[i]);
		assert_true(listening_read(&l));
		for (size_t k = 0; k < l.count; k++)
			is_found |= l.items[k].port == l.port &&
				    memcmp(l.items[k].ip.bytes, loopback.bytes, IP_BYTES) == 0;
		assert_true(is_found);
	}
	for (size_t i = 0; i < MANY; i++)
		assert_int_equal(close(fds[i]), 0);
}

static void
test_reported_exit(void **state)
{
	static const struct {
		const char *line;
		enum ide_reason_code code;
		const char *part;
	} cases[] = {
		{"workspace-proxy run: code-server exited with code 1", IDE_REASON_EXITED,
		 "exited with code 1."},
		{"sh: exit status 127", IDE_REASON_EXITED, "exited with code 127."},
		{"Process exited with 3", IDE_REASON_EXITED, "code 3"},
		{"Segmentation fault (core dumped)", IDE_REASON_EXITED, "ended unexpectedly"},
		{"workspace-proxy run: x was killed by signal 15 (SIGTERM)", IDE_REASON_EXITED,
		 "ended unexpectedly"},
		{"workspace-proxy run: x was killed by signal 9 (SIGKILL)",
		 IDE_REASON_OUT_OF_MEMORY, "was killed"},
		{"FATAL ERROR: Reached heap limit Allocation failed - JavaScript heap out of "
		 "memory",
		 IDE_REASON_OUT_OF_MEMORY, "ran out of memory"},
		{"terminate called after throwing an instance of 'std::bad_alloc'",
		 IDE_REASON_OUT_OF_MEMORY, "ran out of memory"},
		{"fork: Cannot allocate memory", IDE_REASON_OUT_OF_MEMORY, "ran out of memory"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_true(ide_reason_from_line(&reason, str_from(cases[i].line)));
		assert_says(cases[i].code, cases[i].part);
		assert_string_equal(reason.line, cases[i].line);
	}
	assert_false(
		ide_reason_from_line(&reason, STR("HTTP server listening on 127.0.0.1:60001")));
	assert_false(ide_reason_from_line(&reason, STR("")));
}

/* The line is part of a page: UTF-8, cut between characters. */
static void
test_the_line_is_text(void **state)
{
	char line[600] = "exit code 1 \xff\xc3";
	char expected[IDE_REASON_LINE_MAX] = "exit code 1 \xef\xbf\xbd\xef\xbf\xbd";

	(void)state;
	assert_true(ide_reason_from_line(&reason, str_from(line)));
	assert_string_equal(reason.line, expected);
	size_t len = (size_t)snprintf(line, sizeof(line), "exit code 1");
	for (; len < 500; len += 3)
		memcpy(line + len, "\xe2\x82\xac", 4);
	assert_true(ide_reason_from_line(&reason, str_from(line)));
	assert_int_equal(strlen(reason.line), 11 + 76 * 3);
	assert_memory_equal(reason.line, line, 11 + 76 * 3);
}

static void
test_hint_for_a_missing_command(void **state)
{
	(void)state;
	assert_true(ide_reason_from_line(&reason, STR("exit code 127")));
	assert_non_null(strstr(reason.hint, "command"));
}

/* Sockets on other hosts can't be seen. */
static void
test_an_ide_elsewhere(void **state)
{
	struct err e = ERR_INIT;

	(void)state;
	facts.upstream_name = "ide";
	ide_reason_find(&reason, &facts);
	assert_says(IDE_REASON_NOTHING_LISTENS, "ide does not accept connections yet");
	facts.upstream_name = NULL;
	assert_true(address_parse(&upstream[0], STR("192.0.2.1:8080"), &e));
	ide_reason_find(&reason, &facts);
	assert_says(IDE_REASON_NOTHING_LISTENS, "192.0.2.1:8080 does not accept connections yet");
}

/* What listens at the IDE's port was started after an exit that the log tells of, or is another
 * program's. */
static void
test_what_listens_has_not_exited(void **state)
{
	struct ide_reason reported_exit;
	struct address *own = &upstream[0];
	struct err e = ERR_INIT;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	(void)state;
	assert_true(address_parse(own, STR("127.0.0.1:0"), &e));
	assert_int_equal(bind(fd, (struct sockaddr *)&own->sa, own->len), 0);
	assert_int_equal(listen(fd, 1), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&own->sa, &own->len), 0);
	facts.reported_exit = &reported_exit;
	assert_true(ide_reason_from_line(&reported_exit, STR("setup: git exited with code 1")));
	ide_reason_find(&reason, &facts);
	assert_says(IDE_REASON_NOT_ACCEPTING, "does not accept connections");
	assert_true(ide_reason_from_line(&reported_exit, STR("out of memory")));
	ide_reason_find(&reason, &facts);
	assert_says(IDE_REASON_OUT_OF_MEMORY, "ran out of memory");
	assert_int_equal(close(fd), 0);
	assert_true(ide_reason_from_line(&reported_exit, STR("exited with code 1")));
	ide_reason_find(&reason, &facts);
	assert_says(IDE_REASON_EXITED, "exited with code 1");
}

int
main(void)
{
#define CASE(test) cmocka_unit_test_setup(test, setup)
	const struct CMUnitTest tests[] = {
		CASE(test_nothing_listens),   CASE(test_another_port),
		CASE(test_another_address),   CASE(test_a_server_that_takes_no_connections),
		CASE(test_many_others),	      CASE(test_garbage),
		CASE(test_what_listens_here), CASE(test_reported_exit),
		CASE(test_the_line_is_text),  CASE(test_hint_for_a_missing_command),
		CASE(test_an_ide_elsewhere),  CASE(test_what_listens_has_not_exited),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
