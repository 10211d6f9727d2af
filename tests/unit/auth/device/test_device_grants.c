/* SPDX-License-Identifier: Apache-2.0 */
/*
 * auth/device/device_grants: each code counts once, in time and with its verifier; there are few,
 * also per address; wrong codes end those that are shown.
 */
#include "auth/device/device_grants.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

/* RFC 7636 appendix B. */
#define VERIFIER  "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
#define CHALLENGE "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
#define CLIENT	  STR("192.0.2.1")

static struct device_grant *
add(struct device_grants *g, bool is_typed, struct str client, char secret[DEVICE_SECRET_LEN + 1])
{
	struct device_grant *grant = device_grants_add(g, is_typed, client, secret);

	if (grant != NULL)
		memcpy(grant->challenge, CHALLENGE, sizeof(CHALLENGE));
	return grant;
}

static enum device_redeem
redeem(struct device_grants *g, const char *secret, const char *verifier)
{
	struct device_grant out;

	return device_grants_redeem(g, str_from(secret), str_from(verifier), &out);
}

static void
test_code_is_valid_once(void **state)
{
	struct device_grants g = {.wrong_codes = 0};
	char secret[DEVICE_SECRET_LEN + 1];
	struct device_grant *grant = add(&g, false, CLIENT, secret);

	(void)state;
	assert_non_null(grant);
	assert_int_equal(redeem(&g, secret, VERIFIER), DEVICE_REDEEM_PENDING);
	grant->is_allowed = true;
	assert_int_equal(redeem(&g, "nonsense", VERIFIER), DEVICE_REDEEM_INVALID);
	assert_int_equal(redeem(&g, secret, VERIFIER), DEVICE_REDEEM_OK);
	assert_int_equal(redeem(&g, secret, VERIFIER), DEVICE_REDEEM_INVALID);
}

static void
test_a_wrong_verifier_ends_it(void **state)
{
	struct device_grants g = {.wrong_codes = 0};
	char secret[DEVICE_SECRET_LEN + 1];
	struct device_grant *grant = add(&g, false, CLIENT, secret);

	(void)state;
	assert_non_null(grant);
	grant->is_allowed = true;
	assert_int_equal(redeem(&g, secret, CHALLENGE), DEVICE_REDEEM_INVALID);
	assert_int_equal(redeem(&g, secret, VERIFIER), DEVICE_REDEEM_INVALID);
}

static void
test_grants_expire(void **state)
{
	struct device_grants g = {.wrong_codes = 0};
	char secret[DEVICE_SECRET_LEN + 1];
	struct device_grant *grant = add(&g, true, CLIENT, secret);

	(void)state;
	assert_non_null(grant);
	grant->is_allowed = true;
	grant->until_ms = 1;
	assert_int_equal(redeem(&g, secret, VERIFIER), DEVICE_REDEEM_INVALID);
}

static void
test_spellings_of_a_typed_code(void **state)
{
	struct device_grants g = {.wrong_codes = 0};
	char secret[DEVICE_SECRET_LEN + 1];
	struct device_grant *grant = add(&g, true, CLIENT, secret);
	char spelt[32];
	size_t len = 0;

	(void)state;
	assert_non_null(grant);
	assert_int_equal(strlen(grant->user_code), DEVICE_USER_CODE_LEN);
	for (size_t i = 0; i < DEVICE_USER_CODE_LEN; i++) {
		if (i == 4)
			spelt[len++] = '-';
		spelt[len++] = (char)(grant->user_code[i] - 'A' + 'a');
	}
	spelt[len++] = ' ';
	assert_ptr_equal(device_grants_find_typed(&g, (struct str){spelt, len}), grant);
	grant->is_allowed = true;
	assert_null(device_grants_find_typed(&g, str_from(grant->user_code)));
}

static void
test_wrong_codes_invalidate_shown_codes(void **state)
{
	struct device_grants g = {.wrong_codes = 0};
	char secret[DEVICE_SECRET_LEN + 1];
	char other[DEVICE_SECRET_LEN + 1];
	struct device_grant *code = add(&g, false, CLIENT, other);
	char shown[DEVICE_USER_CODE_LEN + 1];

	(void)state;
	assert_non_null(code);
	code->is_allowed = true;
	struct device_grant *typed = add(&g, true, CLIENT, secret);
	assert_non_null(typed);
	memcpy(shown, typed->user_code, sizeof(shown));
	for (unsigned i = 0; i < DEVICE_WRONG_CODES_MAX; i++)
		assert_null(device_grants_find_typed(&g, STR("AAAAAAAA")));
	assert_null(device_grants_find_typed(&g, str_from(shown)));
	assert_int_equal(redeem(&g, secret, VERIFIER), DEVICE_REDEEM_INVALID);
	assert_int_equal(redeem(&g, other, VERIFIER), DEVICE_REDEEM_OK);
}

static void
test_limits(void **state)
{
	struct device_grants g = {.wrong_codes = 0};
	char secret[DEVICE_SECRET_LEN + 1];
	char client[] = "192.0.2.0";
	unsigned typed = 0;
	unsigned all;

	(void)state;
	for (unsigned i = 0; i < DEVICE_PER_CLIENT_MAX; i++, typed++)
		assert_non_null(add(&g, true, CLIENT, secret));
	assert_null(add(&g, true, CLIENT, secret));
	for (char last = '2'; typed < DEVICE_TYPED_MAX; last++)
		for (unsigned i = 0; i < DEVICE_PER_CLIENT_MAX; i++, typed++) {
			client[sizeof(client) - 2] = last;
			assert_non_null(add(&g, true, str_from(client), secret));
		}
	assert_null(add(&g, true, STR("198.51.100.1"), secret));
	/* Users can still authorize devices from the browser. */
	for (all = typed; all < DEVICE_GRANTS_MAX; all++)
		assert_non_null(add(&g, false, CLIENT, secret));
	assert_null(add(&g, false, CLIENT, secret));
	g.items[0].until_ms = 1;
	assert_non_null(add(&g, false, CLIENT, secret));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_code_is_valid_once),
		cmocka_unit_test(test_a_wrong_verifier_ends_it),
		cmocka_unit_test(test_grants_expire),
		cmocka_unit_test(test_spellings_of_a_typed_code),
		cmocka_unit_test(test_wrong_codes_invalidate_shown_codes),
		cmocka_unit_test(test_limits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
