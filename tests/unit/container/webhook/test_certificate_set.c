/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the webhook does with its certificates, by what is in the Secret and by the time; and the
 * caBundle of its configurations. The whole, with an API server:
 * tests/e2e/test_webhook_certificate.py.
 */
#include "container/webhook/certificate_set.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/crypto/crypto.h"
#include "base/net/tls/certificate_pem.h"
#include "container/webhook/ca_bundle.h"
#include "tests/unit/count.h"

#define SERVICE	   "webhook.operators"
#define HOUR	   3600
#define LIFETIME_S UINT64_C(30 * 24 * 3600)
static struct service_certificate one;
static struct service_certificate two;

static int
setup(void **state)
{
	struct err e = ERR_INIT;

	(void)state;
	assert_true(service_certificate_make(&one, SERVICE, LIFETIME_S, &e));
	assert_true(service_certificate_make(&two, SERVICE, LIFETIME_S, &e));
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	service_certificate_fini(&one);
	service_certificate_fini(&two);
	return 0;
}

static void
add(struct json_writer *w, const char *key, struct str text)
{
	struct buf encoded;

	if (text.len == 0)
		return;
	buf_init(&encoded, 100000);
	assert_true(crypto_base64_encode(&encoded, text));
	json_write_str(w, key, buf_view(&encoded));
	buf_fini(&encoded);
}

struct contents {
	const char *authorities[2];
	const struct service_certificate *current;
	const struct service_certificate *next;
	const struct secret *key; /* instead of the current one's */
	bool renew;
};

static void
read_set(struct certificate_set *s, const struct contents *c)
{
	struct err e = ERR_INIT;
	struct json_writer w;
	struct buf authorities;
	struct buf text;

	buf_init(&authorities, 100000);
	buf_init(&text, 200000);
	for (size_t i = 0; i < 2 && c->authorities[i] != NULL; i++)
		buf_add_str(&authorities, str_from(c->authorities[i]));
	json_write_begin(&w, &text);
	json_write_object(&w, NULL);
	json_write_object(&w, "metadata");
	json_write_str(&w, "resourceVersion", STR("42"));
	if (c->renew) {
		json_write_object(&w, "annotations");
		json_write_str(&w, CERTIFICATE_RENEW, STR(""));
		json_write_close(&w, '}');
	}
	json_write_close(&w, '}');
	json_write_object(&w, "data");
	add(&w, "ca.crt", buf_view(&authorities));
	if (c->current != NULL) {
		add(&w, "tls.crt", str_from(c->current->certificate));
		add(&w, "tls.key", secret_view(c->key != NULL ? c->key : c->current->key));
	}
	if (c->next != NULL) {
		add(&w, "next.crt", str_from(c->next->certificate));
		add(&w, "next.key", secret_view(c->next->key));
	}
	json_write_close(&w, '}');
	json_write_close(&w, '}');
	assert_true(json_write_end(&w));
	struct json_doc *doc = json_doc_parse(buf_view(&text), &e);
	assert_non_null(doc);
	assert_true(certificate_set_read(s, json_doc_root(doc), &e));
	json_doc_free(doc);
	buf_fini(&authorities);
	buf_fini(&text);
}

static struct certificate_terms
terms_at(int64_t after_s, bool is_trusted)
{
	return (struct certificate_terms){
		.host = SERVICE ".svc",
		.now_s = clock_wall_s() + after_s,
		.lifetime_s = LIFETIME_S,
		.is_trusted = is_trusted,
	};
}

static void
assert_step(const struct contents *c, int64_t after_s, bool is_trusted, enum certificate_step step)
{
	struct certificate_terms t = terms_at(after_s, is_trusted);
	struct certificate_set s;

	read_set(&s, c);
	assert_int_equal(certificate_set_plan(&s, &t), step);
	certificate_set_fini(&s);
}

static void
test_one_certificate(void **state)
{
	struct contents c = {.authorities = {one.authority}, .current = &one};
	const int64_t day_s = 24 * HOUR;

	(void)state;
	assert_step(&(struct contents){.current = NULL}, 0, false, CERTIFICATE_CREATE);
	assert_step(&(struct contents){.current = NULL}, 0, true, CERTIFICATE_CREATE);
	assert_step(&c, 0, true, CERTIFICATE_KEEP);
	assert_step(&c, 19 * day_s, true, CERTIFICATE_KEEP);
	assert_step(&c, 20 * day_s + HOUR, true, CERTIFICATE_PREPARE);
	assert_step(&c, 31 * day_s, true, CERTIFICATE_CREATE);
	assert_step(&c, -day_s, true, CERTIFICATE_CREATE);
	c.renew = true;
	assert_step(&c, 0, true, CERTIFICATE_PREPARE);
	c.renew = false;
	c.key = two.key;
	assert_step(&c, 0, true, CERTIFICATE_CREATE);
	c.key = NULL;
	c.authorities[0] = two.authority;
	assert_step(&c, 0, true, CERTIFICATE_CREATE);
	c.authorities[0] = NULL;
	assert_step(&c, 0, true, CERTIFICATE_CREATE);
}

static void
test_a_rotation_under_way(void **state)
{
	struct contents c = {
		.authorities = {two.authority, one.authority}, .current = &one, .next = &two};

	(void)state;
	assert_step(&c, 0, false, CERTIFICATE_KEEP);
	assert_step(&c, 0, true, CERTIFICATE_PROMOTE);
	c.renew = true;
	assert_step(&c, 0, false, CERTIFICATE_KEEP);
	/* The current one can't be used: serve the next one at once. */
	c.current = NULL;
	assert_step(&c, 0, false, CERTIFICATE_PROMOTE);
	c.current = &one;
	c.authorities[1] = NULL;
	assert_step(&c, 0, false, CERTIFICATE_PROMOTE);
	/* The next one can't be used. */
	c.renew = false;
	c.authorities[0] = one.authority;
	assert_step(&c, 0, true, CERTIFICATE_KEEP);
	c.next = NULL;
	c.authorities[1] = "-----BEGIN CERTIFICATE-----\nx\n-----END CERTIFICATE-----\n";
	assert_step(&c, 0, true, CERTIFICATE_TRIM);
}

static void
test_another_host_or_lifetime(void **state)
{
	struct certificate_terms t = terms_at(0, true);
	struct certificate_set s;

	(void)state;
	read_set(&s, &(struct contents){.authorities = {one.authority}, .current = &one});
	assert_true(certificate_set_is_usable(&s, &t));
	t.host = "other.operators.svc";
	assert_false(certificate_set_is_usable(&s, &t));
	assert_int_equal(certificate_set_plan(&s, &t), CERTIFICATE_CREATE);
	t.host = SERVICE ".svc";
	/* A shorter configured lifetime does not make it due early. */
	t.lifetime_s = HOUR;
	assert_int_equal(certificate_set_plan(&s, &t), CERTIFICATE_KEEP);
	t.lifetime_s = UINT64_C(365) * 24 * HOUR;
	assert_int_equal(certificate_set_plan(&s, &t), CERTIFICATE_KEEP);
	certificate_set_fini(&s);
}

static struct str
value_of(const struct json_node *data, const char *key)
{
	struct json_member m = {.value = NULL};
	struct str text = STR("(missing)");

	while (json_next_member(data, &m)) {
		if (!str_equal(m.key, str_from(key)))
			continue;
		if (json_is_null(m.value))
			return STR("(null)");
		assert_true(json_get_str(m.value, "", &text, NULL));
	}
	return text;
}

static void
assert_value(const struct json_node *data, const char *key, const char *expected)
{
	struct buf text;

	buf_init(&text, 100000);
	assert_true(crypto_base64_decode(&text, value_of(data, key)));
	if (!str_equal(buf_view(&text), str_from(expected)))
		fail_msg("%s: %.*s", key, STR_FMT(buf_view(&text)));
	buf_fini(&text);
}

static struct json_doc *
patch_of(const struct contents *c, enum certificate_step step,
	 const struct service_certificate *fresh)
{
	struct err e = ERR_INIT;
	struct certificate_set s;
	struct buf out;

	read_set(&s, c);
	buf_init(&out, 200000);
	assert_true(certificate_set_patch(&s, step, fresh, clock_wall_s(), &out, &e));
	struct json_doc *doc = json_doc_parse(buf_view(&out), &e);
	assert_non_null(doc);
	certificate_set_fini(&s);
	buf_wipe_fini(&out);
	return doc;
}

static void
test_patches(void **state)
{
	const struct contents before = {
		.authorities = {one.authority}, .current = &one, .renew = true};
	const struct contents during = {
		.authorities = {two.authority, one.authority}, .current = &one, .next = &two};
	struct json_doc *doc = patch_of(&before, CERTIFICATE_PREPARE, &two);
	const struct json_node *data = json_find(json_doc_root(doc), "data");
	struct buf both;
	struct str text;

	(void)state;
	buf_init(&both, 10000);
	buf_addf(&both, "%s%s", two.authority, one.authority);
	buf_add_byte(&both, '\0');
	assert_true(json_get_str(json_doc_root(doc), "metadata.resourceVersion", &text, NULL));
	assert_true(str_equal(text, STR("42")));
	assert_true(str_equal(
		value_of(json_find(json_doc_root(doc), "metadata.annotations"), CERTIFICATE_RENEW),
		STR("(null)")));
	assert_value(data, "ca.crt", both.data);
	assert_value(data, "next.crt", two.certificate);
	assert_value(data, "next.key", secret_view(two.key).data);
	assert_true(str_equal(value_of(data, "tls.crt"), STR("(missing)")));
	json_doc_free(doc);
	doc = patch_of(&during, CERTIFICATE_PROMOTE, &(struct service_certificate){.key = NULL});
	data = json_find(json_doc_root(doc), "data");
	assert_value(data, "ca.crt", both.data);
	assert_value(data, "tls.crt", two.certificate);
	assert_value(data, "tls.key", secret_view(two.key).data);
	assert_true(str_equal(value_of(data, "next.crt"), STR("(null)")));
	assert_true(str_equal(value_of(data, "next.key"), STR("(null)")));
	json_doc_free(doc);
	doc = patch_of(&(struct contents){.authorities = {"junk"}}, CERTIFICATE_CREATE, &one);
	assert_value(json_find(json_doc_root(doc), "data"), "ca.crt", one.authority);
	json_doc_free(doc);
	buf_fini(&both);
}

#define LONG_VERSION                                                                               \
	"{\"metadata\":{\"resourceVersion\":\""                                                    \
	"1234567890123456789012345678901234567890123456789012345678901234\"}}"

static void
test_malformed_secrets(void **state)
{
	static const char *const texts[] = {"{}", "{\"metadata\":{}}",
					    "{\"metadata\":{\"resourceVersion\":7}}", LONG_VERSION};
	struct err e = ERR_INIT;
	struct certificate_set s;

	(void)state;
	for (size_t i = 0; i < COUNT(texts); i++) {
		struct json_doc *doc = json_doc_parse(str_from(texts[i]), &e);
		assert_non_null(doc);
		assert_false(certificate_set_read(&s, json_doc_root(doc), &e));
		certificate_set_fini(&s);
		json_doc_free(doc);
	}
	struct json_doc *doc = json_doc_parse(
		STR("{\"metadata\":{\"resourceVersion\":\"1\"},\"data\":{\"tls.crt\":7,"
		    "\"tls.key\":\"%\",\"ca.crt\":null}}"),
		&e);
	struct certificate_terms t = terms_at(0, true);
	assert_true(certificate_set_read(&s, json_doc_root(doc), &e));
	assert_int_equal(certificate_set_plan(&s, &t), CERTIFICATE_CREATE);
	certificate_set_fini(&s);
	json_doc_free(doc);
}

#define HOOK(name, namespace, more)                                                                \
	"{\"clientConfig\":{\"service\":{\"name\":\"" name                                         \
	"\",\"namespace\":\"" namespace "\"}" more "}}"

static enum ca_bundle_state
compare(const char *text, struct buf *out, struct err *e)
{
	struct json_doc *doc = json_doc_parse(str_from(text), e);

	assert_non_null(doc);
	buf_clear(out);
	enum ca_bundle_state state =
		ca_bundle_compare(json_doc_root(doc), STR(SERVICE), STR("abc"), out, e);
	json_doc_free(doc);
	return state;
}

static void
test_bundles(void **state)
{
	struct err e = ERR_INIT;
	struct buf out;

	(void)state;
	buf_init(&out, 10000);
	assert_int_equal(compare("{\"metadata\":{\"resourceVersion\":\"9\"},\"webhooks\":[" HOOK(
					 "webhook", "operators", ",\"caBundle\":\"YWJj\"") "]}",
				 &out, &e),
			 CA_BUNDLE_SAME);
	assert_int_equal(
		compare("{\"metadata\":{\"resourceVersion\":\"9\"},\"webhooks\":[" HOOK(
				"other", "operators",
				"") "," HOOK("webhook", "operators",
					     "") "," HOOK("webhook", "operators",
							  ",\"caBundle\":\"eA==\"") ",{},7,"
										    "{\"clientConfi"
										    "g\":{\"url\":"
										    "\"https://"
										    "x\"}}]}",
			&out, &e),
		CA_BUNDLE_DIFFERS);
	assert_true(str_equal(
		buf_view(&out),
		STR("[{\"op\":\"replace\",\"path\":\"/metadata/resourceVersion\",\"value\":\"9\"},"
		    "{\"op\":\"add\",\"path\":\"/webhooks/1/clientConfig/caBundle\","
		    "\"value\":\"YWJj\"},"
		    "{\"op\":\"add\",\"path\":\"/webhooks/2/clientConfig/caBundle\","
		    "\"value\":\"YWJj\"}]")));
	assert_int_equal(compare("{\"metadata\":{\"resourceVersion\":\"9\"}}", &out, &e),
			 CA_BUNDLE_FAILED);
	assert_non_null(strstr(e.text, SERVICE));
	assert_int_equal(compare("{\"webhooks\":[]}", &out, &e), CA_BUNDLE_FAILED);
	buf_fini(&out);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_one_certificate),
		cmocka_unit_test(test_a_rotation_under_way),
		cmocka_unit_test(test_another_host_or_lifetime),
		cmocka_unit_test(test_patches),
		cmocka_unit_test(test_malformed_secrets),
		cmocka_unit_test(test_bundles),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
