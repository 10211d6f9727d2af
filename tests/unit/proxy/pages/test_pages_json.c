/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The JSON of pages, for API clients.
 */
#include "tests/unit/proxy/pages/pages_support.h"

static void
test_ports_in_json(void **state)
{
	struct port_list list;
	struct page_ports ports = some_ports(&list);
	const struct pages_state json = {.is_ready = true, .ports = &ports};

	(void)state;
	ports.host = STR("kiwi.ws.example.com:8443");
	buf_clear(&out);
	assert_true(pages_render_state(&json, &out));
	assert_true(has("\"ide\":{\"ready\":true},\"ports\":{\"listening\":["
			"{\"number\":3000,\"url\":\"https://3000-kiwi.ws.example.com:8443/\","
			"\"audience\":\"owner\"},"
			"{\"number\":8080,\"url\":\"https://8080-kiwi.ws.example.com:8443/\","
			"\"audience\":\"owner\"}]}}"));
	list.more = 2;
	buf_clear(&out);
	assert_true(pages_render_state(&json, &out) && has("],\"more\":2}}"));
	(void)snprintf(list.problem, sizeof(list.problem), "no \"table\"");
	buf_clear(&out);
	assert_true(pages_render_state(&json, &out));
	assert_true(has("\"ports\":{\"problem\":\"no \\\"table\\\"\"}}") && !has("listening"));
}

static void
assert_member(const struct json_node *root, const char *path, const char *value)
{
	struct err e = ERR_INIT;
	struct str got = STR_NONE;

	assert_true(json_get_str(root, path, &got, &e));
	assert_true(str_equal(got, str_from(value)));
}

static void
test_json_names_the_login(void **state)
{
	struct page page = {.status = 401,
			    .problem = AUTH_PROBLEM_LOGIN_REQUIRED,
			    .request_id = "r-2",
			    .sign_in_location = "https://ada.ws.example.com/oauth2/start"};
	struct err e = ERR_INIT;
	struct json_doc *doc;
	int64_t status = 0;

	(void)state;
	buf_clear(&out);
	assert_true(pages_render_json(&page, &out));
	doc = json_doc_parse(buf_view(&out), &e);
	assert_non_null(doc);
	assert_member(json_doc_root(doc), "error", "login_required");
	assert_member(json_doc_root(doc), "request_id", "r-2");
	assert_member(json_doc_root(doc), "login_url", "https://ada.ws.example.com/oauth2/start");
	assert_true(json_get_int(json_doc_root(doc), "status", &status, &e));
	assert_int_equal(status, 401);
	json_doc_free(doc);
}

static void
test_json_escapes_what_it_carries(void **state)
{
	struct page page = {.status = 403,
			    .problem = AUTH_PROBLEM_NO_ACCESS,
			    .identity = {.username = STR("a\"b\n")},
			    .detail = "quote \" and \\"};
	struct err e = ERR_INIT;
	struct json_doc *doc;

	(void)state;
	buf_clear(&out);
	assert_true(pages_render_json(&page, &out));
	doc = json_doc_parse(buf_view(&out), &e);
	assert_non_null(doc);
	assert_member(json_doc_root(doc), "user", "a\"b\n");
	assert_member(json_doc_root(doc), "detail", "quote \" and \\");
	json_doc_free(doc);
}

static void
test_json_carries_the_state_of_the_workspace(void **state)
{
	struct clone_progress clone = {.phase = CLONE_CHECKOUT, .percent = 91, .message = "x"};
	struct page page = {
		.kind = PAGE_WORKSPACE, .status = 503, .retry_after_s = 2, .clone = &clone};
	struct err e = ERR_INIT;
	struct json_doc *doc;
	bool ready = true;

	(void)state;
	buf_clear(&out);
	assert_true(pages_render_json(&page, &out));
	doc = json_doc_parse(buf_view(&out), &e);
	assert_non_null(doc);
	assert_member(json_doc_root(doc), "error", "workspace_starting");
	assert_member(json_doc_root(doc), "clone.phase", "checkout");
	assert_true(json_get_bool(json_doc_root(doc), "ide.ready", &ready, &e));
	assert_false(ready);
	json_doc_free(doc);
}

static void
test_state_is_one_line(void **state)
{
	struct clone_progress clone = {.phase = CLONE_RECEIVING, .message = "two\nlines"};
	struct err e = ERR_INIT;
	struct json_doc *doc;

	(void)state;
	buf_clear(&out);
	assert_true(
		pages_render_state(&(struct pages_state){.clone = &clone, .is_ready = true}, &out));
	assert_int_equal(str_find_byte(buf_view(&out), '\n'), SIZE_MAX);
	doc = json_doc_parse(buf_view(&out), &e);
	assert_non_null(doc);
	assert_member(json_doc_root(doc), "clone.message", "two\nlines");
	json_doc_free(doc);
	buf_clear(&out);
	assert_true(pages_render_state(&(struct pages_state){.is_ready = false}, &out));
	assert_true(has("\"phase\":\"off\""));
}

static void
test_why_the_ide_does_not_answer(void **state)
{
	const struct ide_reason reason = {.code = IDE_REASON_EXITED,
					  .message = "It exited with <code> 1.",
					  .hint = "Look & see.",
					  .line = "<b>exit</b>"};
	struct page page = {.kind = PAGE_WORKSPACE, .status = 503, .reason = &reason};
	struct err e = ERR_INIT;
	struct json_doc *doc;

	render(*state, &page);
	assert_page_is_sound();
	assert_true(has("id=\"known\" role=\"status\">"));
	assert_true(has("It exited with &lt;code&gt; 1."));
	assert_true(has("Look &amp; see."));
	assert_true(has("&lt;b&gt;exit&lt;/b&gt;"));
	buf_clear(&out);
	assert_true(pages_render_json(&page, &out));
	doc = json_doc_parse(buf_view(&out), &e);
	assert_member(json_doc_root(doc), "ide.reason.code", "exited");
	assert_member(json_doc_root(doc), "ide.reason.line", "<b>exit</b>");
	json_doc_free(doc);
	page.reason = NULL;
	render(*state, &page);
	assert_true(has("id=\"known\" role=\"status\" hidden>"));
}

static void
test_start_of_the_workspace(void **state)
{
	struct start_timeline timeline = {.began_wall_ms = INT64_C(1769860800123),
					  .began_ms = 1000,
					  .listens_ms = 1020,
					  .signed_in_ms = 13020,
					  .phase = CLONE_DONE};
	struct page_status status = {.timeline = &timeline, .answered_ms = 4500};
	struct page page = {.kind = PAGE_STATUS, .status = 200, .session = &status};
	struct err e = ERR_INIT;

	timeline.phase_us[START_RECEIVING] = 2500000;
	render(*state, &page);
	assert_page_is_sound();
	assert_true(has("Sidecar <span class=\"when\">20 ms</span>"));
	assert_true(has("Waiting for a sign-in <span class=\"when\">12.0 s</span>"));
	assert_true(has("Clone: receiving <span class=\"when\">2.5 s</span>"));
	assert_true(has("IDE responds after <span class=\"when\">3.5 s</span>"));
	assert_false(has("checking out"));
	buf_clear(&out);
	assert_true(pages_render_state(&(struct pages_state){.timeline = &timeline}, &out));
	struct json_doc *doc = json_doc_parse(buf_view(&out), &e);
	assert_non_null(doc);
	assert_member(json_doc_root(doc), "start.began_at", "2026-01-31T12:00:00.123Z");
	assert_int_equal(json_array_len(json_find(json_doc_root(doc), "start.steps")), 4);
	assert_true(has("{\"step\":\"sign_in\",\"seconds\":12,\"done\":true}"));
	assert_true(has("\"step\":\"ide\""));
	json_doc_free(doc);
	timeline.phase = CLONE_CHECKOUT;
	timeline.phase_began_ms = 1;
	render(*state, &page);
	assert_true(has("Clone: checking out"));
	assert_true(has(" s so far</span>"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_why_the_ide_does_not_answer),
		cmocka_unit_test(test_start_of_the_workspace),
		cmocka_unit_test(test_json_names_the_login),
		cmocka_unit_test(test_json_escapes_what_it_carries),
		cmocka_unit_test(test_json_carries_the_state_of_the_workspace),
		cmocka_unit_test(test_ports_in_json),
		cmocka_unit_test(test_state_is_one_line),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
