/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The signed request of a workspace to the relay: keys, age, hosts, fields.
 */
#include "tests/unit/auth/relay/relay_state_support.h"

static struct relay_request
good_request(void)
{
	return (struct relay_request){
		.authority = AUTHORITY,
		.prefix = STR("/oauth2"),
		.state = STR("0a1b2c3d." VALUE ".0.1800000000000"),
		.challenge = STR(VALUE),
		.nonce = STR(VALUE),
		.scope = STR("openid read_user"),
		.issued_ms = NOW_MS,
	};
}

/* Signs with the key of `host` under the index-th master key. */
static void
write_as(struct fixture *f, const struct relay_request *q, size_t index, struct str host)
{
	struct secret *key = relay_derive_key(f->settings.master_keys.keys[index], host, NULL);

	assert_non_null(key);
	buf_clear(&f->text);
	assert_true(relay_request_write(q, key, &f->text, NULL));
	secret_free(key);
}

static enum relay_result
read_back(struct fixture *f, struct relay_request *q)
{
	buf_clear(&f->memory);
	return relay_request_read(q, buf_view(&f->text), &f->settings, NOW_MS, &f->memory);
}

static enum relay_result
find(struct fixture *f, const struct relay_request *q)
{
	struct relay_request read;

	write_as(f, q, 0, q->authority);
	return read_back(f, &read);
}

/* The key as derived by another implementation (RFC 5869, checked with Python's hmac). */
static void
test_key_of_a_workspace(void **state)
{
	struct fixture *f = *state;
	const struct secret *master = f->settings.master_keys.keys[0];
	struct secret *key = relay_derive_key(master, AUTHORITY, NULL);
	struct secret *again = relay_derive_key(master, AUTHORITY, NULL);
	struct secret *other = relay_derive_key(master, STR("kiwi.ws.example.org"), NULL);
	struct buf hex;

	buf_init(&hex, 64);
	assert_true(crypto_hex_encode(&hex, secret_view(key)));
	assert_true(str_equal(buf_view(&hex), STR(DERIVED)));
	assert_true(secret_equal(key, again));
	assert_false(secret_equal(key, other));
	buf_fini(&hex);
	secret_free(other);
	secret_free(again);
	secret_free(key);
}

static void
test_request_round_trip(void **state)
{
	struct fixture *f = *state;
	const struct relay_request q = good_request();

	for (size_t i = 0; i < f->settings.master_keys.count; i++) {
		struct relay_request read;

		write_as(f, &q, i, q.authority);
		assert_int_equal(read_back(f, &read), RELAY_VALID);
		assert_true(str_equal(read.authority, q.authority));
		assert_true(str_equal(read.prefix, q.prefix));
		assert_true(str_equal(read.state, q.state));
		assert_true(str_equal(read.challenge, q.challenge));
		assert_true(str_equal(read.nonce, q.nonce));
		assert_true(str_equal(read.scope, q.scope));
		assert_int_equal(read.issued_ms, NOW_MS);
	}
}

static void
test_request_of_another_key(void **state)
{
	struct fixture *f = *state;
	const struct relay_request q = good_request();
	struct relay_request read;
	struct secret *stranger = secret_from_str(STR("another key of thirty-two bytes."));

	write_as(f, &q, 0, STR("mango.ws.example.com"));
	assert_int_equal(read_back(f, &read), RELAY_FORGED);
	buf_clear(&f->text);
	assert_true(relay_request_write(&q, stranger, &f->text, NULL));
	assert_int_equal(read_back(f, &read), RELAY_FORGED);
	buf_clear(&f->text);
	assert_true(relay_request_write(&q, f->settings.master_keys.keys[0], &f->text, NULL));
	assert_int_equal(read_back(f, &read), RELAY_FORGED);
	secret_free(stranger);
}

static void
test_request_age(void **state)
{
	struct fixture *f = *state;
	static const struct {
		int64_t age_ms;
		enum relay_result result;
	} cases[] = {
		{0, RELAY_VALID},	{600000, RELAY_VALID},	{600001, RELAY_STALE},
		{-300000, RELAY_VALID}, {-300001, RELAY_STALE}, {NOW_MS, RELAY_STALE},
		{-NOW_MS, RELAY_STALE},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct relay_request q = good_request();

		q.issued_ms = NOW_MS - cases[i].age_ms;
		assert_int_equal(find(f, &q), cases[i].result);
	}
}

/* Replaces any character, removes any character, cuts at any place: always refused. */
static void
test_request_changed_anywhere(void **state)
{
	struct fixture *f = *state;
	const struct relay_request q = good_request();
	struct relay_request read;
	size_t len;

	write_as(f, &q, 0, q.authority);
	len = f->text.len;
	for (size_t i = 0; i < len; i++) {
		char was = f->text.data[i];

		f->text.data[i] = was == 'A' ? 'B' : 'A';
		assert_int_not_equal(read_back(f, &read), RELAY_VALID);
		f->text.data[i] = was;
		f->text.len = i;
		assert_int_not_equal(read_back(f, &read), RELAY_VALID);
		f->text.len = len;
	}
	assert_int_equal(read_back(f, &read), RELAY_VALID);
	buf_add_str(&f->text, STR(".A"));
	assert_int_equal(read_back(f, &read), RELAY_MALFORMED);
}

static const char *const bad_hosts[] = {
	"",
	".",
	"kiwi",
	"ws.example.com",
	".ws.example.com",
	"kiwi.ws.example.com.",
	"kiwi..ws.example.com",
	"a.kiwi.ws.example.com",
	"Kiwi.ws.example.com",
	"kiwi.WS.example.com",
	"kiwi.ws.example.com:443",
	"kiwi.ws.example.com:8443",
	"kiwi.ws.example.com:",
	"kiwi.ws.example.org",
	"kiwi.ws.example.org:443",
	"kiwi.ws.example.org:08443",
	"kiwi.ws.example.org:8443:8443",
	"kiwi.localhost",
	"kiwi.localhost:9444",
	"user@kiwi.ws.example.com",
	"user:password@kiwi.ws.example.com",
	"kiwi@evil.ws.example.com",
	"evil.com/.ws.example.com",
	"evil.com#.ws.example.com",
	"evil.com?.ws.example.com",
	"evil.com\\.ws.example.com",
	"ki%77i.ws.example.com",
	"kiwi%2ews.example.com",
	"k\xc3\xafwi.ws.example.com",
	"xn--kwi-sma.ws.example.com",
	"kiwi\xe3\x80\x82ws.example.com",
	"ki_wi.ws.example.com",
	"-kiwi.ws.example.com",
	"kiwi-.ws.example.com",
	" kiwi.ws.example.com",
	"kiwi.ws.example.com ",
	"kiwi\t.ws.example.com",
	"kiwi.ws.example.com.evil.com",
	"kiwiws.example.com",
	"evilws.example.com",
	"127.0.0.1",
	"[::1]",
	"https://kiwi.ws.example.com",
	"aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeeeffffffffffgggg.ws.example.com",
};

/* Each is signed with the key of its own spelling, so it is refused because of the host. */
static void
test_request_of_other_hosts(void **state)
{
	struct fixture *f = *state;
	struct relay_request q = good_request();

	for (size_t i = 0; i < sizeof(bad_hosts) / sizeof(bad_hosts[0]); i++) {
		q.authority = str_from(bad_hosts[i]);
		if (find(f, &q) != RELAY_OUTSIDE_ZONES)
			fail_msg("\"%s\" is taken", bad_hosts[i]);
	}
	q.authority = STR("kiwi.ws.example.org:8443");
	assert_int_equal(find(f, &q), RELAY_VALID);
	q.authority = STR("3000-kiwi-otter-teal.localhost:9443");
	assert_int_equal(find(f, &q), RELAY_VALID);
	q.authority = (struct str){"kiwi\0.ws.example.com", 20};
	assert_int_equal(find(f, &q), RELAY_OUTSIDE_ZONES);
}

static void
test_request_fields(void **state)
{
	struct fixture *f = *state;
	static const char *const prefixes[] = {
		"",	 "/",	 "oauth2", "/oauth2/", "//evil.com", "/..",   "/a/../b",
		"/a%2f", "/a?b", "/a#b",   "/a\\b",    "/a b",	     "/@evil"};
	static const char *const values[] = {"",
					     "short",
					     VALUE "x",
					     VALUE "\n",
					     "abcdefghijklmnopqrstuvwxyzABCDEFGHIJ0123_-=",
					     "abcdefghijklmnopqrstuvwxyzABCDEFGHIJ0123_-&"};
	static const char *const states[] = {"", "a&code=b", "a b", "a%00", "a\nb"};
	static const char *const scopes[] = {"", "openid\nread_user", "openid&x=y", "openid,read"};

	for (size_t i = 0; i < sizeof(prefixes) / sizeof(prefixes[0]); i++) {
		struct relay_request q = good_request();

		q.prefix = str_from(prefixes[i]);
		assert_int_equal(find(f, &q), RELAY_MALFORMED);
	}
	for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
		struct relay_request q = good_request();

		q.challenge = str_from(values[i]);
		assert_int_equal(find(f, &q), RELAY_MALFORMED);
		q = good_request();
		q.nonce = str_from(values[i]);
		assert_int_equal(find(f, &q), RELAY_MALFORMED);
	}
	for (size_t i = 0; i < sizeof(states) / sizeof(states[0]); i++) {
		struct relay_request q = good_request();

		q.state = str_from(states[i]);
		assert_int_equal(find(f, &q), RELAY_MALFORMED);
	}
	for (size_t i = 0; i < sizeof(scopes) / sizeof(scopes[0]); i++) {
		struct relay_request q = good_request();

		q.scope = str_from(scopes[i]);
		assert_int_equal(find(f, &q), RELAY_MALFORMED);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_key_of_a_workspace, setup, teardown),
		cmocka_unit_test_setup_teardown(test_request_round_trip, setup, teardown),
		cmocka_unit_test_setup_teardown(test_request_of_another_key, setup, teardown),
		cmocka_unit_test_setup_teardown(test_request_age, setup, teardown),
		cmocka_unit_test_setup_teardown(test_request_changed_anywhere, setup, teardown),
		cmocka_unit_test_setup_teardown(test_request_of_other_hosts, setup, teardown),
		cmocka_unit_test_setup_teardown(test_request_fields, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
