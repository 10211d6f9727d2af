/* SPDX-License-Identifier: Apache-2.0 */
/*
 * AdmissionReviews from strangers: an answer is JSON and says what the outcome says; and a pod that
 * validation refuses is never one that mutation would leave as it is.
 */
#include "base/json.h"
#include "container/webhook/review.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/operator.h"

#define ANSWER_MAX_BYTES ((size_t)4 * 1024 * 1024)

static void
check_answer(enum review_outcome outcome, struct str text)
{
	struct err e = ERR_INIT;
	struct json_doc *doc = json_doc_parse_within(text, ANSWER_MAX_BYTES, 16, &e);
	const struct json_node *root = json_doc_root(doc);
	bool is_allowed;

	err_assert(doc != NULL);
	err_assert(json_get_bool(root, "response.allowed", &is_allowed, &e));
	err_assert(is_allowed == (outcome != REVIEW_DENIED));
	err_assert((json_find(root, "response.patch") != NULL) == (outcome == REVIEW_PATCHED));
	json_doc_free(doc);
}

static enum review_outcome
review(enum review_kind kind, struct str text, const struct review_namespace *namespace)
{
	struct review_secret secret;
	struct err e = ERR_INIT;
	struct buf out;

	buf_init(&out, ANSWER_MAX_BYTES);
	const struct review_question question = {
		.settings = &fuzz_operator, .kind = kind, .body = text, .namespace = namespace};
	enum review_outcome outcome = review_answer(&question, &out, &secret, &e);
	if (outcome == REVIEW_MALFORMED)
		err_assert(e.code != ERR_NONE);
	else
		check_answer(outcome, buf_view(&out));
	err_assert(kind == REVIEW_MUTATE || outcome != REVIEW_PATCHED);
	buf_fini(&out);
	return outcome;
}

/* The input is an object, or two in a row with a zero byte between: after and before. */
static void
review_object(unsigned how, struct str input, const struct review_namespace *namespace)
{
	static const char *const operations[] = {"CREATE", "UPDATE", "UPDATE", "DELETE"};
	static const char *const parts[] = {"", "", "ephemeralcontainers", "resize"};
	size_t end = str_find_byte(input, '\0');
	bool is_creation = (how & 12u) == 0 && (how & 48u) == 0;
	struct buf text;

	buf_init(&text, ANSWER_MAX_BYTES);
	buf_addf(&text,
		 "{\"apiVersion\":\"admission.k8s.io/v1\",\"kind\":\"AdmissionReview\","
		 "\"request\":{\"uid\":\"u\",\"operation\":\"%s\",\"subResource\":\"%s\","
		 "\"object\":",
		 operations[how >> 2 & 3u], parts[how >> 4 & 3u]);
	buf_add_str(&text, str_take(input, end));
	buf_add_str(&text, STR(",\"oldObject\":"));
	buf_add_str(&text, end == SIZE_MAX ? STR("null") : str_skip(input, end + 1));
	buf_add_str(&text, STR("}}"));
	enum review_outcome made = review(REVIEW_MUTATE, buf_view(&text), namespace);
	enum review_outcome judged = review(REVIEW_VALIDATE, buf_view(&text), namespace);
	if (is_creation && judged == REVIEW_DENIED)
		err_assert(made == REVIEW_PATCHED || made == REVIEW_DENIED);
	buf_fini(&text);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str input = fuzz_input(data, size);
	unsigned how = fuzz_take_byte(&input);
	char *copy = fuzz_copy(input);
	struct str text = {copy, input.len};
	const struct err none = ERR_INIT;
	const struct review_namespace enabled = {
		.data = STR("{\"container\":\"ide\",\"ports\":\"3000\",\"cpu-limit\":\"2\"}"),
		.e = &none};
	const struct review_namespace *namespace = (how & 2u) != 0 ? &enabled : NULL;

	if ((how & 1u) != 0) {
		(void)review(REVIEW_MUTATE, text, namespace);
		(void)review(REVIEW_VALIDATE, text, namespace);
	} else {
		review_object(how, text, namespace);
	}
	free(copy);
	return 0;
}
