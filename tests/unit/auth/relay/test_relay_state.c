/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The relay's texts and hosts: what is taken, and that everything else is refused: other spellings
 * of a host, other keys, other times, one changed character anywhere.
 */
#include "tests/unit/auth/relay/relay_state_support.h"

static struct relay_return
good_return(void)
{
	return (struct relay_return){
		.id = STR("0123456789abcdef"),
		.authority = AUTHORITY,
		.prefix = STR("/oauth2"),
		.state = STR("0a1b2c3d." VALUE ".0.1800000000000"),
		.started_ms = NOW_MS,
	};
}

static enum relay_result
open_state(struct fixture *f, struct relay_return *ret)
{
	buf_clear(&f->memory);
	return relay_return_open(ret, buf_view(&f->text), &f->box, &f->settings, NOW_MS,
				 &f->memory);
}

static enum relay_result
find_return(struct fixture *f, const struct relay_return *ret)
{
	struct relay_return read;

	buf_clear(&f->text);
	assert_true(relay_return_seal(ret, &f->box, &f->text, NULL));
	return open_state(f, &read);
}

static void
test_state_round_trip(void **state)
{
	struct fixture *f = *state;
	const struct relay_return ret = good_return();
	struct relay_return read;

	assert_true(relay_return_seal(&ret, &f->box, &f->text, NULL));
	assert_int_equal(open_state(f, &read), RELAY_VALID);
	assert_true(str_equal(read.id, ret.id));
	assert_true(str_equal(read.authority, ret.authority));
	assert_true(str_equal(read.prefix, ret.prefix));
	assert_true(str_equal(read.state, ret.state));
	assert_int_equal(read.started_ms, NOW_MS);
}

static void
test_state_refused(void **state)
{
	struct fixture *f = *state;
	struct relay_return ret = good_return();
	struct relay_return read;
	size_t len;

	ret.started_ms = NOW_MS - RELAY_AGE_MAX_MS - 1;
	assert_int_equal(find_return(f, &ret), RELAY_STALE);
	ret.started_ms = NOW_MS + RELAY_SKEW_MS + 1;
	assert_int_equal(find_return(f, &ret), RELAY_STALE);
	ret = good_return();
	ret.authority = STR("kiwi.gone.example.com");
	assert_int_equal(find_return(f, &ret), RELAY_OUTSIDE_ZONES);
	ret = good_return();
	ret.prefix = STR("//evil.com");
	assert_int_equal(find_return(f, &ret), RELAY_MALFORMED);
	ret = good_return();
	assert_int_equal(find_return(f, &ret), RELAY_VALID);
	len = f->text.len;
	for (size_t i = 0; i < len; i++) {
		char was = f->text.data[i];

		f->text.data[i] = was == 'A' ? 'B' : 'A';
		assert_int_equal(open_state(f, &read), RELAY_FORGED);
		f->text.data[i] = was;
	}
}

/* Rotation: the second key opens what it sealed when it was the first. */
static void
test_state_of_the_older_key(void **state)
{
	struct fixture *f = *state;
	const struct relay_return ret = good_return();
	struct auth_keys old = {.keys = {f->settings.master_keys.keys[1]}, .count = 1};
	struct cookie_box box;
	struct relay_return read;

	assert_true(cookie_box_init(&box, &old, f->box.origin, NULL));
	assert_true(relay_return_seal(&ret, &box, &f->text, NULL));
	assert_int_equal(open_state(f, &read), RELAY_VALID);
	cookie_box_fini(&box);
	assert_true(
		cookie_box_init(&box, &old, STR("https://elsewhere.example.com/callback"), NULL));
	buf_clear(&f->text);
	assert_true(relay_return_seal(&ret, &box, &f->text, NULL));
	assert_int_equal(open_state(f, &read), RELAY_FORGED);
	cookie_box_fini(&box);
}

static void
test_cookie_fits_one_state(void **state)
{
	struct fixture *f = *state;
	struct str name = STR("__Host-workspace-relay-0123456789abcdef");
	struct buf other;

	assert_true(relay_cookie_seal(&f->box, name, STR("one"), &f->text, NULL));
	assert_true(relay_cookie_matches(&f->box, name, buf_view(&f->text), STR("one")));
	assert_false(relay_cookie_matches(&f->box, name, buf_view(&f->text), STR("two")));
	assert_false(relay_cookie_matches(&f->box, STR("__Host-workspace-relay-0123456789abcdee"),
					  buf_view(&f->text), STR("one")));
	assert_false(relay_cookie_matches(&f->box, name, STR_NONE, STR("one")));
	/* The state itself, which is public, is no cookie. */
	buf_init(&other, COOKIE_TEXT_MAX);
	assert_true(relay_return_seal(&(struct relay_return){.state = STR("x")}, &f->box, &other,
				      NULL));
	assert_false(relay_cookie_matches(&f->box, name, buf_view(&other), STR("one")));
	buf_fini(&other);
}

static void
test_ids_grow(void **state)
{
	char one[RELAY_ID_LEN + 1];
	char two[RELAY_ID_LEN + 1];

	(void)state;
	relay_generate_id(one);
	relay_generate_id(two);
	assert_true(flow_jar_is_id(str_from(one), RELAY_ID_LEN));
	assert_string_not_equal(one, two);
	assert_true(memcmp(one, two, 8) <= 0);
	assert_false(flow_jar_is_id(STR("0123456789abcde"), RELAY_ID_LEN));
	assert_false(flow_jar_is_id(STR("0123456789ABCDEF"), RELAY_ID_LEN));
}

static void
test_hosts_as_people_write_them(void **state)
{
	static const char *const good[][2] = {
		{"kiwi.ws.example.com", "kiwi.ws.example.com"},
		{"Kiwi.WS.example.com:443", "kiwi.ws.example.com"},
		{"kiwi.ws.example.com:8443", "kiwi.ws.example.com:8443"},
		{"kiwi.localhost:9443", "kiwi.localhost:9443"},
	};
	static const char *const bad[] = {"",
					  "kiwi",
					  "https://kiwi.ws.example.com",
					  "kiwi.ws.example.com.",
					  "kiwi.ws.example.com/",
					  "kiwi.ws.example.com:0",
					  "kiwi.ws.example.com:65536",
					  "kiwi.ws.example.com:443:443",
					  "10.0.0.1",
					  "k\xc3\xafwi.ws.example.com"};
	struct buf out;

	(void)state;
	buf_init(&out, RELAY_AUTHORITY_MAX);
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		buf_clear(&out);
		assert_true(relay_parse_host(str_from(good[i][0]), &out, NULL));
		assert_true(str_equal(buf_view(&out), str_from(good[i][1])));
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		buf_clear(&out);
		assert_false(relay_parse_host(str_from(bad[i]), &out, NULL));
	}
	buf_fini(&out);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_state_round_trip, setup, teardown),
		cmocka_unit_test_setup_teardown(test_state_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(test_state_of_the_older_key, setup, teardown),
		cmocka_unit_test_setup_teardown(test_cookie_fits_one_state, setup, teardown),
		cmocka_unit_test(test_ids_grow),
		cmocka_unit_test(test_hosts_as_people_write_them),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
