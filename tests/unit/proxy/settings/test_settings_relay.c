/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The settings of the relay, of sidecars that use one, and of `relay-key`.
 */
#include "tests/unit/proxy/settings/settings_support.h"

static const char *const relay_working[] = {
	"RELAY_URL=https://relay.ws.example.com/",
	("RELAY_MASTER_KEY=" KEY_A "," KEY_B),
	"RELAY_ZONES=ws.example.com, WS.Example.ORG:8443",
	"HTTP_ADDRESS=127.0.0.1:8080",
	"GITLAB_URL=https://gitlab.example.com/git/",
	"CLIENT_ID=id",
	"SCOPE=openid read_user",
};

static void
reset_relay(struct fixture *f)
{
	clear(f);
	for (size_t i = 0; i < sizeof(relay_working) / sizeof(relay_working[0]); i++)
		set(f, relay_working[i]);
}

/* Settings that the relay does not read are neither required nor problems. */
static void
test_relay(void **state)
{
	struct fixture *f = *state;
	reset_relay(f);
	set(f, "EXTERNAL_URL=nonsense");
	set(f, "COOKIE_SECRET=nonsense");
	load(f, SETTINGS_RELAY);
	assert_fine(f);
	const struct relay_settings *r = &f->s->relay;
	assert_true(str_equal(r->url.host, STR("relay.ws.example.com")));
	assert_int_equal(r->url.path.len, 0);
	assert_true(str_equal(r->gitlab_url.path, STR("/git")));
	assert_string_equal(r->client_id, "id");
	assert_string_equal(r->scope, "openid read_user");
	assert_int_equal(r->master_keys.count, 2);
	assert_int_equal(r->zones.count, 2);
	assert_true(str_equal(r->zones.items[1], STR("ws.example.org:8443")));
}

static const char *const relay_mistakes[][3] = {
	{"RELAY_URL=", "RELAY_URL", "needed by the relay"},
	{"RELAY_URL=http://relay.example.com", "RELAY_URL", "expected https"},
	{"RELAY_URL=https://relay.example.com/?x", "RELAY_URL", "query"},
	{"RELAY_URL=https://relay.example.com/a%2fb", "RELAY_URL", "letters, digits"},
	{"RELAY_URL=https://relay.example.com/a//b", "RELAY_URL", "letters, digits"},
	{"RELAY_MASTER_KEY=", "RELAY_MASTER_KEY", "needed by the relay"},
	{("RELAY_MASTER_KEY=" CANARY), "RELAY_MASTER_KEY", "not such a key"},
	{"RELAY_ZONES=", "RELAY_ZONES", "needed by the relay"},
	{"RELAY_ZONES=\x01", "RELAY_ZONES", ""},
	{"RELAY_ZONES=ws.example.com,", "RELAY_ZONES", "zone 2: it is not a host name"},
	{"RELAY_ZONES=com", "RELAY_ZONES", "top-level domain"},
	{"RELAY_ZONES=*.ws.example.com", "RELAY_ZONES", "not a host name"},
	{"RELAY_ZONES=https://ws.example.com", "RELAY_ZONES", "not a host name"},
	{"RELAY_ZONES=ws.example.com:0", "RELAY_ZONES", "not a host name"},
	{"RELAY_ZONES=10.0.0.1", "RELAY_ZONES", "not a host name"},
	{"GITLAB_URL=", "GITLAB_URL", "required"},
	{"HTTP_ADDRESS=off", "HTTPS_ADDRESS", "no public listener"},
};

static void
test_relay_mistakes(void **state)
{
	struct fixture *f = *state;
	for (size_t i = 0; i < sizeof(relay_mistakes) / sizeof(relay_mistakes[0]); i++) {
		reset_relay(f);
		set(f, relay_mistakes[i][0]);
		load(f, SETTINGS_RELAY);
		assert_problem(f, relay_mistakes[i][1], relay_mistakes[i][2]);
		assert_null(strstr(f->problems.items[0].text, CANARY));
	}
}

static void
test_sidecar_with_relay(void **state)
{
	struct fixture *f = *state;
	set(f, "RELAY_URL=https://relay.ws.example.com/base");
	set(f, ("RELAY_KEY=" KEY_B));
	load(f, SETTINGS_SERVE);
	assert_fine(f);
	assert_int_equal(secret_view(f->s->auth.relay_key).len, 32);

	set(f, "REDIRECT_URL=https://relay.ws.example.com/base/callback");
	load(f, SETTINGS_SERVE);
	assert_fine(f);
	assert_int_equal(f->problems.notes_count, 0);

	set(f, "REDIRECT_URL=https://kiwi.ws.example.com/oauth2/callback");
	load(f, SETTINGS_SERVE);
	assert_problem(f, "REDIRECT_URL", "https://relay.ws.example.com/base/callback");

	set(f, "REDIRECT_URL=");
	set(f, "RELAY_URL=https://kiwi.ws.example.com:8443");
	load(f, SETTINGS_SERVE);
	assert_problem(f, "RELAY_URL", "workspace's host");
}

static void
test_broker(void **state)
{
	struct fixture *f = *state;

	reset_relay(f);
	load(f, SETTINGS_RELAY);
	assert_null(f->s->auth.client_secret);
	assert_null(f->s->relay.deny_file);
	set(f, "CLIENT_SECRET=" CANARY);
	set(f, "RELAY_DENY_FILE=/dev/null");
	load(f, SETTINGS_RELAY);
	assert_problem(f, "RELAY_DENY_FILE", "not a regular file");
	set(f, "RELAY_DENY_FILE=");
	load(f, SETTINGS_RELAY);
	assert_fine(f);
	assert_non_null(f->s->auth.client_secret);
	assert_int_equal(f->s->relay.requests_max, 30);
	assert_int_equal(f->s->relay.renew_max_ms, 24 * 3600 * 1000);
}

static void
test_sidecar_with_broker(void **state)
{
	struct fixture *f = *state;

	set(f, "BROKER=on");
	set(f, "CLIENT_SECRET=");
	load(f, SETTINGS_SERVE);
	assert_problem(f, "RELAY_URL", "needed with BROKER");
	set(f, "RELAY_URL=https://relay.ws.example.com");
	set(f, ("RELAY_KEY=" KEY_B));
	load(f, SETTINGS_SERVE);
	assert_fine(f);
	assert_true(f->s->auth.broker);
	set(f, "CLIENT_SECRET=" CANARY);
	load(f, SETTINGS_SERVE);
	assert_problem(f, "CLIENT_SECRET", "belongs to the relay alone");
	assert_null(strstr(f->problems.items[0].text, CANARY));
}

/* `relay-key` does not need the other settings of the relay. */
static void
test_relay_key_scope(void **state)
{
	struct fixture *f = *state;
	clear(f);
	load(f, SETTINGS_RELAY_KEY);
	assert_problem(f, "RELAY_MASTER_KEY", "needed to derive keys");
	set(f, ("RELAY_MASTER_KEY=" KEY_A));
	load(f, SETTINGS_RELAY_KEY);
	assert_fine(f);
	assert_int_equal(f->s->relay.zones.count, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_relay, setup, teardown),
		cmocka_unit_test_setup_teardown(test_relay_mistakes, setup, teardown),
		cmocka_unit_test_setup_teardown(test_sidecar_with_relay, setup, teardown),
		cmocka_unit_test_setup_teardown(test_broker, setup, teardown),
		cmocka_unit_test_setup_teardown(test_sidecar_with_broker, setup, teardown),
		cmocka_unit_test_setup_teardown(test_relay_key_scope, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
