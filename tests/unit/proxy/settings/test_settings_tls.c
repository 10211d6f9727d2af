/* SPDX-License-Identifier: Apache-2.0 */
/*
 * TLS=self: the settings that it can be combined with, and the names of the certificate.
 */
#include "tests/unit/proxy/settings/settings_support.h"

static bool
has_name(const struct fixture *f, const char *name)
{
	const struct tls_names *names = &f->s->tls.names;

	for (size_t i = 0; i < names->count; i++)
		if (strcmp(names->items[i], name) == 0)
			return true;
	return false;
}

static void
test_listener(void **state)
{
	struct fixture *f = *state;

	set(f, "HTTP_ADDRESS=off");
	set(f, "TLS=self");
	load(f, SETTINGS_SERVE);
	assert_fine(f);
	assert_true(address_is_set(&f->s->https_address));
	assert_int_equal(f->s->tls.names.count, 1);
	assert_true(has_name(f, "kiwi.ws.example.com"));

	set(f, "HTTPS_ADDRESS=127.0.0.1:7443");
	load(f, SETTINGS_SERVE);
	assert_fine(f);
	assert_int_equal(address_port(&f->s->https_address), 7443);
}

static void
test_mistakes(void **state)
{
	struct fixture *f = *state;

	set(f, "TLS=own");
	load(f, SETTINGS_SERVE);
	assert_problem(f, "TLS", "files, self");
	set(f, "TLS=self");
	set(f, "TLS_KEY_FILE=/nonexistent");
	load(f, SETTINGS_SERVE);
	assert_problem(f, "TLS", "expected TLS_KEY_FILE not to be set");
}

static void
test_ports(void **state)
{
	struct fixture *f = *state;

	set(f, "TLS=self");
	set(f, "PORTS=3000,8000-8002,8443");
	set(f, "HTTPS_ADDRESS=:8001");
	load(f, SETTINGS_SERVE);
	assert_fine(f);
	assert_true(has_name(f, "*-kiwi.ws.example.com"));
	assert_true(has_name(f, "3000-kiwi.ws.example.com"));
	assert_true(has_name(f, "8002-kiwi.ws.example.com"));
	assert_false(has_name(f, "8001-kiwi.ws.example.com"));
	assert_int_equal(f->s->tls.names.count, 6);

	set(f, "EXTERNAL_URL=https://60001-kiwi.ws.example.com");
	load(f, SETTINGS_SERVE);
	assert_fine(f);
	assert_true(has_name(f, "60001-kiwi.ws.example.com"));
	assert_true(has_name(f, "*-kiwi.ws.example.com"));
	assert_true(has_name(f, "3000-kiwi.ws.example.com"));
}

/* Ranges that would make a certificate of a megabyte. */
static void
test_many_ports(void **state)
{
	struct fixture *f = *state;

	set(f, "TLS=self");
	set(f, "PORTS=8000-8061");
	load(f, SETTINGS_SERVE);
	assert_fine(f);
	assert_int_equal(f->s->tls.names.count, TLS_NAMES_MAX);
	set(f, "PORTS=8000-8062");
	load(f, SETTINGS_SERVE);
	assert_fine(f);
	assert_int_equal(f->s->tls.names.count, 2);
	set(f, "PORTS=1-65535");
	load(f, SETTINGS_SERVE);
	assert_fine(f);
	assert_int_equal(f->s->tls.names.count, 2);
}

static void
test_address(void **state)
{
	struct fixture *f = *state;

	set(f, "TLS=self");
	set(f, "EXTERNAL_URL=https://[::1]:8443");
	load(f, SETTINGS_SERVE);
	assert_fine(f);
	assert_true(has_name(f, "::1"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_listener, setup, teardown),
		cmocka_unit_test_setup_teardown(test_mistakes, setup, teardown),
		cmocka_unit_test_setup_teardown(test_ports, setup, teardown),
		cmocka_unit_test_setup_teardown(test_many_ports, setup, teardown),
		cmocka_unit_test_setup_teardown(test_address, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
