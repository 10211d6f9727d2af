/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Wrapped refresh tokens: they open for their workspace only, and as long as their key is there.
 */
#include "auth/broker/wrapped_token.h"

#include <stdlib.h>

#include "tests/unit/auth/broker/broker_support.h"

#define HOST STR("kiwi.ws.example.com")

struct wrapping {
	struct auth_keys masters;
	struct cookie_box box;
	struct buf text;
	struct buf memory;
	struct wrapped_token read;
};

static const struct wrapped_token sashas = {
	.user_id = 42, .login_ms = INT64_C(1800000000000), .token = {"refresh-token-1", 15}};

static void
wrap(struct wrapping *w)
{
	buf_clear(&w->text);
	assert_true(wrapped_token_write(&sashas, &w->box, HOST, &w->text, NULL));
}

static bool
opens(struct wrapping *w, struct str authority)
{
	buf_clear(&w->memory);
	return wrapped_token_read(&w->read, buf_view(&w->text), &w->box, authority, &w->memory);
}

static void
use_keys(struct wrapping *w, const char *fills)
{
	cookie_box_fini(&w->box);
	auth_keys_fini(&w->masters);
	for (; fills[w->masters.count] != '\0'; w->masters.count++)
		w->masters.keys[w->masters.count] = master_key(fills[w->masters.count]);
	assert_true(wrapped_token_keys(&w->box, &w->masters, NULL));
}

static int
setup(void **state)
{
	struct wrapping *w = calloc(1, sizeof(*w));

	assert_non_null(w);
	buf_init(&w->text, COOKIE_TEXT_MAX);
	buf_init(&w->memory, COOKIE_TEXT_MAX);
	use_keys(w, "a");
	*state = w;
	return 0;
}

static int
teardown(void **state)
{
	struct wrapping *w = *state;

	cookie_box_fini(&w->box);
	auth_keys_fini(&w->masters);
	buf_fini(&w->text);
	buf_fini(&w->memory);
	free(w);
	return 0;
}

static void
test_tokens_open_for_their_workspace_only(void **state)
{
	struct wrapping *w = *state;

	wrap(w);
	assert_int_equal(str_find(buf_view(&w->text), sashas.token), SIZE_MAX);
	assert_true(opens(w, HOST));
	assert_true(w->read.user_id == 42 && w->read.login_ms == sashas.login_ms);
	assert_true(str_equal(w->read.token, sashas.token));
	assert_false(opens(w, STR("fig.ws.example.com")));
	assert_false(opens(w, STR_NONE));
}

static void
test_keys_rotate(void **state)
{
	struct wrapping *w = *state;

	wrap(w);
	use_keys(w, "ab");
	assert_true(opens(w, HOST));
	use_keys(w, "ba");
	assert_true(opens(w, HOST));
	wrap(w);
	use_keys(w, "a");
	assert_false(opens(w, HOST));
	use_keys(w, "b");
	assert_true(opens(w, HOST));
}

static void
test_every_changed_character_is_noticed(void **state)
{
	struct wrapping *w = *state;

	wrap(w);
	for (size_t i = 0; i < w->text.len; i++) {
		char before = w->text.data[i];

		w->text.data[i] = before == 'A' ? 'B' : 'A';
		assert_false(opens(w, HOST));
		w->text.data[i] = before;
	}
	assert_true(opens(w, HOST));
}

static void
test_cookies_of_the_same_keys_are_no_tokens(void **state)
{
	const struct cookie_use use = {"relay cookie", HOST};
	struct wrapping *w = *state;

	assert_true(cookie_seal(&w->box, &use, STR("refresh-token-1"), &w->text, NULL));
	assert_false(opens(w, HOST));
}

static void
test_too_long_a_token(void **state)
{
	static char bytes[WRAPPED_TOKEN_MAX + 1];
	struct wrapping *w = *state;
	struct wrapped_token r = sashas;
	struct err e = ERR_INIT;

	memset(bytes, 't', sizeof(bytes));
	r.token = (struct str){bytes, sizeof(bytes)};
	assert_false(wrapped_token_write(&r, &w->box, HOST, &w->text, &e));
	assert_int_equal(e.code, ERR_LIMIT);
	r.token.len--;
	assert_true(wrapped_token_write(&r, &w->box, HOST, &w->text, &e));
	assert_true(opens(w, HOST));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_tokens_open_for_their_workspace_only, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_keys_rotate, setup, teardown),
		cmocka_unit_test_setup_teardown(test_every_changed_character_is_noticed, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_cookies_of_the_same_keys_are_no_tokens, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_too_long_a_token, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
