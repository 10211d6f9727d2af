/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The settings loader with a table of its own: every type, every form of a variable, what is
 * reported and how, and that no message carries what may be a secret.
 */
#include "tests/unit/base/conf/conf_support.h"

static void
test_defaults(void **state)
{
	struct fixture *f = *state;
	load(f, NULL, NULL, NULL);
	assert_true(f->ok);
	assert_null(f->target.text);
	assert_null(f->target.secret);
	assert_true(f->target.flag);
	assert_int_equal(f->target.number, 3);
	assert_int_equal(f->target.duration, 30000);
	assert_int_equal(f->target.size, 65536);
	assert_int_equal(f->target.url.host.len, 0);
	assert_int_equal(address_port(&f->target.address), 80);
	assert_int_equal(f->target.choice, 1);
}

static void
test_values(void **state)
{
	struct fixture *f = *state;
	load(f, "T_TEXT= some text ", "T_SECRET= kept as is ", "T_URL=HTTPS://Example.com:444/x");
	assert_true(f->ok);
	assert_string_equal(f->target.text, "some text");
	assert_true(str_equal(secret_view(f->target.secret), STR(" kept as is ")));
	assert_true(str_equal(f->target.url.host, STR("example.com")));
	assert_int_equal(f->target.url.port, 444);
	load(f, "T_ADDRESS=off", "T_CHOICE=red", "T_CUSTOM=seven");
	assert_true(f->ok);
	assert_false(address_is_set(&f->target.address));
	assert_int_equal(f->target.choice, 0);
	assert_int_equal(f->target.custom, 7);
	load(f, "T_ADDRESS=http://127.0.0.1:4180", "T_FLAG=No", "T_PATH=/a/b");
	assert_true(f->ok);
	assert_int_equal(address_port(&f->target.address), 4180);
	assert_false(f->target.flag);
	assert_string_equal(f->target.path, "/a/b");
}

static void
test_empty_is_not_set(void **state)
{
	struct fixture *f = *state;
	load(f, "T_NUMBER=", "T_LATER=", "T_UNKNOWN=");
	assert_true(f->ok);
	assert_int_equal(f->target.number, 3);
}

static void
test_durations(void **state)
{
	static const struct {
		const char *entry;
		uint64_t ms;
	} cases[] = {{"T_DURATION=1s", 1000},
		     {"T_DURATION=1500ms", 1500},
		     {"T_DURATION=10m", 600000},
		     {"T_DURATION=24h", 86400000},
		     {"T_DURATION=1h30m", 5400000},
		     {"T_DURATION=12h0m0s", 43200000},
		     {"T_DURATION=0.5h", 0},
		     {"T_DURATION=30", 0},
		     {"T_DURATION=30 s", 0},
		     {"T_DURATION=-1s", 0},
		     {"T_DURATION=999ms", 0},
		     {"T_DURATION=25h", 0},
		     {"T_DURATION=0", 0},
		     {"T_DURATION=s", 0},
		     {"T_DURATION=1d", 0},
		     {"T_DURATION=5124095576030432h", 0},
		     {"T_DURATION=5124095576030h9223372036854775807ms", 0}};
	struct fixture *f = *state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		load(f, cases[i].entry, NULL, NULL);
		assert_int_equal(f->ok, cases[i].ms != 0);
		assert_int_equal(f->target.duration, cases[i].ms);
	}
	load(f, "T_DURATION=1d", NULL, NULL);
	assert_problem(f, "T_DURATION: got \"1d\"; expected a duration from 1s to 24h, such as "
			  "500ms, 30s, 10m");
}

static void
test_sizes(void **state)
{
	static const struct {
		const char *entry;
		uint64_t bytes;
	} cases[] = {{"T_SIZE=4096", 4096},    {"T_SIZE=1KiB", 1024},
		     {"T_SIZE=2MiB", 2097152}, {"T_SIZE=1GiB", 1073741824},
		     {"T_SIZE=1KB", 0},	       {"T_SIZE=1K", 0},
		     {"T_SIZE=1KiB1KiB", 0},   {"T_SIZE=0", 0},
		     {"T_SIZE=2048GiB", 0},    {"T_SIZE=18446744073709551615GiB", 0},
		     {"T_SIZE=0x10", 0}};
	struct fixture *f = *state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		load(f, cases[i].entry, NULL, NULL);
		assert_int_equal(f->ok, cases[i].bytes != 0);
		assert_int_equal(f->target.size, cases[i].bytes);
	}
}

static void
test_problem_texts(void **state)
{
	static const char *const cases[][2] = {
		{"T_NUMBER=10", "T_NUMBER: got \"10\"; expected a whole number from 2 to 9"},
		{"T_NUMBER=+3", "T_NUMBER: got \"+3\"; expected a whole number from 2 to 9"},
		{"T_FLAG=maybe", "T_FLAG: got \"maybe\"; expected on or off"},
		{"T_PATH=a/b", "T_PATH: got \"a/b\"; expected an absolute file name"},
		{"T_CHOICE=blue", "T_CHOICE: got \"blue\"; expected one of red, green"},
		{"T_CUSTOM=8", "T_CUSTOM: got \"8\": unlucky; expected seven"},
		{"T_TEXT=  ", "T_TEXT: got \"  \": only white space; expected text"},
		{"T_TEXT=a\nb\x1b",
		 "T_TEXT: got \"a?b?\": it contains control characters; expected "
		 "text"},
		{"T_LATER=x", "T_LATER: unknown setting: Not yet."},
		{"THEIR_LATER=x", "THEIR_LATER: unknown setting: Not yet."},
	};
	struct fixture *f = *state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		load(f, cases[i][0], NULL, NULL);
		assert_problem(f, cases[i][1]);
	}
}

static void
test_unknown_names(void **state)
{
	struct fixture *f = *state;
	load(f, "T_NUMER=" CANARY, NULL, NULL);
	assert_problem(f, "T_NUMER: unknown setting; did you mean T_NUMBER?");
	load(f, "T_SECERT_FILE=" CANARY, NULL, NULL);
	assert_problem(f, "T_SECERT_FILE: unknown setting; did you mean T_SECRET?");
	load(f, "T_SOMETHING_ELSE=" CANARY, NULL, NULL);
	assert_problem(f, "T_SOMETHING_ELSE: unknown setting");
	load(f, "T_OTHERS=any", "T_OTHERS_FILE=/nonexistent", "OTHER=1");
	assert_true(f->ok);
	load(f, "T_A\nB=1", NULL, NULL);
	assert_null(strchr(f->problems.items[0].text, '\n'));
}

static void
test_service_links(void **state)
{
	struct fixture *f = *state;
	load(f, "T_SERVICE_HOST=10.0.0.1", "T_SERVICE_PORT_HTTPS=8443", "T_PORT=tcp://10.0.0.1:1");
	assert_true(f->ok);
	load(f, "T_PORT_8443_TCP_ADDR=10.0.0.1", "T_WEB_PORT_80_TCP_PROTO=tcp", "T_SERVICE_PORT=1");
	assert_true(f->ok);
	load(f, "T_PORT=8443", "T_PORT_RANGE_LOW=1", NULL);
	assert_int_equal(f->problems.count, 2);
}

/* All eight forms for Services of any name; and names that only resemble them. */
static void
test_service_links_of_any_name(void **state)
{
	static const char *const services[] = {
		"",	    "KIWI_",	     "PORT_",	  "SERVICE_",  "80_",
		"PORT_80_", "SERVICE_PORT_", "A_PORT_B_", "TCP_PORT_", "SERVICE_HOST_"};
	static const char *const forms[] = {
		"SERVICE_HOST=10.0.0.1",
		"SERVICE_PORT=443",
		"SERVICE_PORT_HTTPS=443",
		"PORT=tcp://10.0.0.1:443",
		"PORT_443_TCP=tcp://10.0.0.1:443",
		"PORT_443_TCP_PROTO=tcp",
		"PORT_443_TCP_PORT=443",
		"PORT_443_TCP_ADDR=10.0.0.1",
		"PORT_53_UDP_PORT=53",
	};
	static const char *const others[] = {"T_KIWI_PORT=443", "T_PORT_443_TCP_PORTS=443",
					     "T_XSERVICE_HOST=x", "T_PORT_99999_TCP=x",
					     "T_PORT_443_TLS_PORT=443"};
	struct fixture *f = *state;
	char entry[96];

	for (size_t i = 0; i < sizeof(services) / sizeof(services[0]); i++) {
		for (size_t j = 0; j < sizeof(forms) / sizeof(forms[0]); j++) {
			(void)snprintf(entry, sizeof(entry), "T_%s%s", services[i], forms[j]);
			load(f, entry, NULL, NULL);
			if (!f->ok)
				fail_msg("%s", f->problems.items[0].text);
		}
	}
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		load(f, others[i], NULL, NULL);
		if (f->ok)
			fail_msg("%s", others[i]);
	}
}

static void
test_credentials_are_masked(void **state)
{
	static const char *const entries[] = {
		"T_URL=https://user:" CANARY "@example.com/x",
		"T_URL=https://user:p@" CANARY "@example.com/x",
		"T_URL=ftp://example.com/?private_token=" CANARY,
		"T_NUMBER=user:" CANARY "@host",
		"T_SECRET=" CANARY "\n",
		"T_UNKNOWN=" CANARY,
		"T_LATER=" CANARY,
	};
	struct fixture *f = *state;
	for (size_t i = 0; i < sizeof(entries) / sizeof(entries[0]); i++) {
		load(f, entries[i], NULL, NULL);
		assert_int_equal(f->problems.count, 1);
		assert_null(strstr(f->problems.items[0].text, CANARY));
	}
}

static void
test_long_value(void **state)
{
	struct fixture *f = *state;
	char *entry = calloc(1, 20000);
	assert_non_null(entry);
	memset(entry, 'x', 19999);
	memcpy(entry, "T_TEXT=", 7);
	load(f, entry, NULL, NULL);
	assert_problem(f, "T_TEXT: the value is longer than 16384 bytes");
	free(entry);
}

static void
test_many_problems(void **state)
{
	struct fixture *f = *state;
	for (int i = 0; i < CONF_PROBLEMS_MAX + 5; i++)
		conf_problem(&f->problems, "X", "number %d", i);
	for (int i = 0; i < CONF_NOTES_MAX + 5; i++)
		conf_note(&f->problems, "X", "number %d", i);
	char *text = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&text, &len);
	assert_non_null(out);
	conf_print_problems(&f->problems, out);
	assert_int_equal(fclose(out), 0);
	assert_non_null(strstr(text, "X: number 63\nand 5 more problems\n"));
	free(text);
}

static void
test_required(void **state)
{
	static const struct conf_setting row = {.name = "NEEDED",
						.type = CONF_TEXT,
						.commands = 5,
						.required = 4,
						.text = "Needed."};
	static const struct conf_group group = {"G", &row, 1};
	static const struct conf_group *const all[] = {&group, NULL};
	static const struct conf_table needed = {"N_", "", all};
	char broken[] = "N_NEEDED_FILE=/nonexistent";
	char *environments[][2] = {{NULL, NULL}, {broken, NULL}};
	struct fixture *f = *state;
	assert_true(conf_load(&needed, 1, environments[0], &f->target, &f->arena, &f->problems));
	assert_true(conf_load(&needed, 2, environments[1], &f->target, &f->arena, &f->problems));
	assert_false(conf_load(&needed, 4, environments[0], &f->target, &f->arena, &f->problems));
	assert_problem(f, "N_NEEDED: required, but not set; expected text");
	f->problems.count = 0;
	assert_false(conf_load(&needed, 4, environments[1], &f->target, &f->arena, &f->problems));
	assert_problem(f, "N_NEEDED_FILE: can't read \"/nonexistent\": No such file or directory");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_defaults, setup, teardown),
		cmocka_unit_test_setup_teardown(test_values, setup, teardown),
		cmocka_unit_test_setup_teardown(test_empty_is_not_set, setup, teardown),
		cmocka_unit_test_setup_teardown(test_durations, setup, teardown),
		cmocka_unit_test_setup_teardown(test_sizes, setup, teardown),
		cmocka_unit_test_setup_teardown(test_problem_texts, setup, teardown),
		cmocka_unit_test_setup_teardown(test_unknown_names, setup, teardown),
		cmocka_unit_test_setup_teardown(test_service_links, setup, teardown),
		cmocka_unit_test_setup_teardown(test_service_links_of_any_name, setup, teardown),
		cmocka_unit_test_setup_teardown(test_credentials_are_masked, setup, teardown),
		cmocka_unit_test_setup_teardown(test_long_value, setup, teardown),
		cmocka_unit_test_setup_teardown(test_many_problems, setup, teardown),
		cmocka_unit_test_setup_teardown(test_required, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
