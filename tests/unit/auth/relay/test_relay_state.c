/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The relay's texts and hosts: what is taken, and that everything else is refused: other spellings
 * of a host, other keys, other times, one changed character anywhere.
 */
#include "auth/relay/relay_state.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "auth/cookie/flow_jar.h"
#include "base/crypto/crypto.h"

#define NOW_MS	  INT64_C(1800000000000)
#define AUTHORITY STR("kiwi.ws.example.com")
#define DERIVED	  "e93fe35cff57317e8ca067f674eeca0aeb47c7e902d34f5f5ccce48c1d988bb3"
#define VALUE	  "abcdefghijklmnopqrstuvwxyzABCDEFGHIJ0123_-x"

struct fixture {
	struct arena arena;
	struct relay_settings settings;
	struct cookie_box box;
	struct buf text;
	struct buf memory;
};

static int
setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	struct auth_keys *keys;

	assert_non_null(f);
	keys = &f->settings.master_keys;
	arena_init(&f->arena, 65536);
	keys->keys[keys->count++] = secret_from_str(STR("0123456789abcdef0123456789abcdef"));
	keys->keys[keys->count++] = secret_from_str(STR("fedcba9876543210fedcba9876543210"));
	f->settings.zones.items[f->settings.zones.count++] = STR("ws.example.com");
	f->settings.zones.items[f->settings.zones.count++] = STR("ws.example.org:8443");
	f->settings.zones.items[f->settings.zones.count++] = STR("localhost:9443");
	assert_true(
		cookie_box_init(&f->box, keys, STR("https://relay.ws.example.com/callback"), NULL));
	buf_init(&f->text, RELAY_REQUEST_MAX);
	buf_init(&f->memory, RELAY_REQUEST_MAX);
	*state = f;
	return 0;
}

static int
teardown(void **state)
{
	struct fixture *f = *state;

	buf_fini(&f->memory);
	buf_fini(&f->text);
	cookie_box_fini(&f->box);
	for (size_t i = 0; i < f->settings.master_keys.count; i++)
		secret_free(f->settings.master_keys.keys[i]);
	arena_fini(&f->arena);
	free(f);
	return 0;
}

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

static enum relay_finding
read_back(struct fixture *f, struct relay_request *q)
{
	buf_clear(&f->memory);
	return relay_request_read(q, buf_view(&f->text), &f->settings, NOW_MS, &f->memory);
}

static enum relay_finding
find(struct fixture *f, const struct relay_request *q)
{
	struct relay_request read;

	write_as(f, q, 0, q->authority);
	return read_back(f, &read);
}

/* The key as another implementation derives it (RFC 5869, checked with Python's hmac). */
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
		assert_int_equal(read_back(f, &read), RELAY_GOOD);
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
		enum relay_finding finding;
	} cases[] = {
		{0, RELAY_GOOD},	{600000, RELAY_GOOD},	{600001, RELAY_STALE},
		{-300000, RELAY_GOOD},	{-300001, RELAY_STALE}, {NOW_MS, RELAY_STALE},
		{-NOW_MS, RELAY_STALE},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct relay_request q = good_request();

		q.issued_ms = NOW_MS - cases[i].age_ms;
		assert_int_equal(find(f, &q), cases[i].finding);
	}
}

/* Any character replaced, any one left out, any end cut off: nothing of it is taken. */
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
		assert_int_not_equal(read_back(f, &read), RELAY_GOOD);
		f->text.data[i] = was;
		f->text.len = i;
		assert_int_not_equal(read_back(f, &read), RELAY_GOOD);
		f->text.len = len;
	}
	assert_int_equal(read_back(f, &read), RELAY_GOOD);
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

/* Each is signed with the very key of its spelling, so it is the host alone that is refused. */
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
	assert_int_equal(find(f, &q), RELAY_GOOD);
	q.authority = STR("3000-kiwi-otter-teal.localhost:9443");
	assert_int_equal(find(f, &q), RELAY_GOOD);
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

static enum relay_finding
open_state(struct fixture *f, struct relay_return *ret)
{
	buf_clear(&f->memory);
	return relay_return_open(ret, buf_view(&f->text), &f->box, &f->settings, NOW_MS,
				 &f->memory);
}

static enum relay_finding
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
	assert_int_equal(open_state(f, &read), RELAY_GOOD);
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
	assert_int_equal(find_return(f, &ret), RELAY_GOOD);
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
	assert_int_equal(open_state(f, &read), RELAY_GOOD);
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
	assert_true(relay_cookie_fits(&f->box, name, buf_view(&f->text), STR("one")));
	assert_false(relay_cookie_fits(&f->box, name, buf_view(&f->text), STR("two")));
	assert_false(relay_cookie_fits(&f->box, STR("__Host-workspace-relay-0123456789abcdee"),
				       buf_view(&f->text), STR("one")));
	assert_false(relay_cookie_fits(&f->box, name, STR_NONE, STR("one")));
	/* The state itself, which everybody sees, is no cookie. */
	buf_init(&other, COOKIE_TEXT_MAX);
	assert_true(relay_return_seal(&(struct relay_return){.state = STR("x")}, &f->box, &other,
				      NULL));
	assert_false(relay_cookie_fits(&f->box, name, buf_view(&other), STR("one")));
	buf_fini(&other);
}

static void
test_ids_grow(void **state)
{
	char one[RELAY_ID_LEN + 1];
	char two[RELAY_ID_LEN + 1];

	(void)state;
	relay_draw_id(one);
	relay_draw_id(two);
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
		cmocka_unit_test_setup_teardown(test_key_of_a_workspace, setup, teardown),
		cmocka_unit_test_setup_teardown(test_request_round_trip, setup, teardown),
		cmocka_unit_test_setup_teardown(test_request_of_another_key, setup, teardown),
		cmocka_unit_test_setup_teardown(test_request_age, setup, teardown),
		cmocka_unit_test_setup_teardown(test_request_changed_anywhere, setup, teardown),
		cmocka_unit_test_setup_teardown(test_request_of_other_hosts, setup, teardown),
		cmocka_unit_test_setup_teardown(test_request_fields, setup, teardown),
		cmocka_unit_test_setup_teardown(test_state_round_trip, setup, teardown),
		cmocka_unit_test_setup_teardown(test_state_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(test_state_of_the_older_key, setup, teardown),
		cmocka_unit_test_setup_teardown(test_cookie_fits_one_state, setup, teardown),
		cmocka_unit_test(test_ids_grow),
		cmocka_unit_test(test_hosts_as_people_write_them),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
