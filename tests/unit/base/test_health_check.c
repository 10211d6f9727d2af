/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The text form of probes: what is read is written the same, and everything else is refused.
 */
#include "base/health_check.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "tests/unit/count.h"

static void
test_read_and_written(void **state)
{
	static const char *const texts[] = {
		"",
		"startup=1s,tcp:1",
		"liveness=300s,http:65535/healthz?a=b,c=1",
		"startup=1s,http:1/ liveness=2s,http:2/x readiness=3s,tcp:3",
	};

	(void)state;
	for (size_t i = 0; i < COUNT(texts); i++) {
		struct health_checks checks;
		struct err e = ERR_INIT;
		struct buf out;
		buf_init(&out, 1024);
		if (!health_checks_parse(&checks, str_from(texts[i]), &e))
			fail_msg("%s", e.text);
		health_checks_format(&checks, &out);
		assert_true(str_equal(buf_view(&out), str_from(texts[i])));
		buf_fini(&out);
	}
}

static void
test_fields(void **state)
{
	struct health_checks checks;
	struct err e = ERR_INIT;

	(void)state;
	assert_true(health_checks_parse(&checks, STR("  readiness=3s,http:80/x  "), &e));
	assert_int_equal(checks.items[0].port, 0);
	assert_int_equal(checks.items[1].port, 0);
	assert_int_equal(checks.items[2].port, 80);
	assert_int_equal(checks.items[2].timeout_s, 3);
	assert_true(str_equal(checks.items[2].path, STR("/x")));
}

static void
test_refused(void **state)
{
	static const char *const texts[] = {
		"liveness",
		"other=1s,tcp:1",
		"liveness=",
		"liveness=tcp:1",
		"liveness=0s,tcp:1",
		"liveness=301s,tcp:1",
		"liveness=1,tcp:1",
		"liveness=1s,tcp:0",
		"liveness=1s,tcp:65536",
		"liveness=1s,tcp:1/path",
		"liveness=1s,http:1",
		"liveness=1s,http:/",
		"liveness=1s,http:1/a#b",
		"liveness=1s,http:1/\x7f",
		"liveness=1s,http:1/\n",
		"liveness=1s,http:1/$(A)",
		"liveness=1s,https:1/",
		"liveness=1s,http:example.com:1/",
		"liveness=1s,tcp:1 liveness=1s,tcp:2",
	};

	(void)state;
	for (size_t i = 0; i < COUNT(texts); i++) {
		struct health_checks checks;
		struct err e = ERR_INIT;
		if (health_checks_parse(&checks, str_from(texts[i]), &e))
			fail_msg("%s", texts[i]);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_read_and_written),
		cmocka_unit_test(test_fields),
		cmocka_unit_test(test_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
