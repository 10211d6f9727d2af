/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pages: values from outside are escaped, the policy allows exactly the inline blocks of the page,
 * and every problem has a text.
 */
#include "tests/unit/proxy/pages/pages_support.h"

/* Writes the hash source (CSP level 3) of the text between two tags of the rendered page. */
static void
hash_between(const char *open, const char *close, struct buf *source)
{
	uint8_t digest[CRYPTO_SHA256_BYTES];
	size_t begin = str_find(buf_view(&out), str_from(open));
	struct str block;

	assert_int_not_equal(begin, SIZE_MAX);
	block = str_skip(buf_view(&out), begin + strlen(open));
	block = str_take(block, str_find(block, str_from(close)));
	assert_true(block.len > 1000);
	crypto_sha256(block, digest);
	buf_init(source, 256);
	buf_add_str(source, STR("'sha256-"));
	crypto_base64_encode(source, (struct str){(const char *)digest, sizeof(digest)});
	buf_add_str(source, STR("'"));
	assert_true(buf_is_ok(source));
}

static void
test_policy_names_the_inline_blocks(void **state)
{
	struct page page = {.kind = PAGE_WORKSPACE, .status = 503};
	struct str csp = find_policy(*state);
	struct buf source;

	render(*state, &page);
	hash_between("<style>", "</style>", &source);
	buf_add_byte(&source, ';');
	assert_int_not_equal(str_find(csp, buf_view(&source)), SIZE_MAX);
	buf_fini(&source);
	hash_between("<script>", "</script>", &source);
	buf_add_byte(&source, ';');
	assert_int_not_equal(str_find(csp, buf_view(&source)), SIZE_MAX);
	buf_fini(&source);
	assert_true(str_starts_with(csp, STR("default-src 'none'; style-src 'sha256-")));
	assert_true(str_ends_with(csp, STR("; connect-src 'self'; form-action 'self'; "
					   "frame-ancestors 'none'; base-uri 'none'")));
	assert_int_equal(str_find(csp, STR("unsafe")), SIZE_MAX);
}

static void
test_headers_forbid_caching_and_framing(void **state)
{
	const struct page_header *h = pages_headers(*state, PAGE_ERROR);
	unsigned found = 0;

	for (; h->name != NULL; h++) {
		if (strcmp(h->name, "Content-Security-Policy") == 0)
			found += h->value[0] != '\0';
		if (strcmp(h->name, "Cache-Control") == 0)
			found += strcmp(h->value, "no-store") == 0;
		if (strcmp(h->name, "X-Frame-Options") == 0)
			found += strcmp(h->value, "DENY") == 0;
		/* no-referrer would make browsers send "Origin: null" with our forms */
		if (strcmp(h->name, "Referrer-Policy") == 0)
			found += strcmp(h->value, "same-origin") == 0;
	}
	assert_int_equal(found, 4);
}

static const enum auth_problem problems[] = {
	AUTH_PROBLEM_LOGIN_REQUIRED,	 AUTH_PROBLEM_NO_ACCESS,
	AUTH_PROBLEM_CONSENT_DENIED,	 AUTH_PROBLEM_LOGIN_FAILED,
	AUTH_PROBLEM_GITLAB_UNAVAILABLE, AUTH_PROBLEM_GITLAB_REFUSES_US,
	AUTH_PROBLEM_LOGIN_LOOP,	 AUTH_PROBLEM_CROSS_SITE,
	AUTH_PROBLEM_BAD_REQUEST,	 AUTH_PROBLEM_METHOD,
	AUTH_PROBLEM_RELAY_WORKSPACE,	 AUTH_PROBLEM_RELAY_FOREIGN,
	AUTH_PROBLEM_RELAY_STALE,
};

static void
test_every_problem_has_its_own_title(void **state)
{
	char titles[16][128] = {{0}};
	size_t i, j;

	for (i = 0; i < sizeof(problems) / sizeof(problems[0]); i++) {
		struct page page = {.status = 403, .problem = problems[i], .request_id = "r-1"};
		struct str title;

		render(*state, &page);
		assert_page_is_sound();
		title = str_skip(buf_view(&out), str_find(buf_view(&out), STR("<title>")) + 7);
		title = str_take(title, str_find(title, STR(" · ada.ws.example.com</title>")));
		assert_in_range(title.len, 10, 100);
		snprintf(titles[i], sizeof(titles[i]), "%.*s", STR_FMT(title));
		for (j = 0; j < i; j++)
			assert_string_not_equal(titles[i], titles[j]);
	}
}

static void
test_every_status_renders(void **state)
{
	for (unsigned status = 400; status < 600; status++) {
		unsigned seconds = status % 2 + 1;
		struct page page = {
			.status = status, .request_id = "r-7", .retry_after_s = seconds};
		char text[32];

		render(*state, &page);
		assert_page_is_sound();
		assert_true(has("<code>r-7</code>"));
		snprintf(text, sizeof(text), "Status %u<", status);
		assert_true(has(text));
		assert_true(has(seconds == 1 ? "again in 1 second." : "again in 2 seconds."));
	}
}

static void
test_names_are_escaped(void **state)
{
	struct page page = {.status = 403,
			    .problem = AUTH_PROBLEM_NO_ACCESS,
			    .identity = {.username = STR("o'neil\"&"),
					 .name = STR("</bdi><script>alert(1)</script>\x01")},
			    .detail = "a < b",
			    .sign_in_location = "/oauth2/start?rd=%2F&x=\"1\""};

	render(*state, &page);
	assert_page_is_sound();
	assert_true(has("@o&#39;neil&quot;&amp;</bdi>"));
	assert_true(has("&lt;/bdi&gt;&lt;script&gt;alert(1)&lt;/script&gt; </bdi>"));
	assert_false(has("<script>"));
	assert_true(has("<p>a &lt; b</p>"));
	assert_true(has("href=\"/oauth2/start?rd=%2F&amp;x=&quot;1&quot;\""));
	assert_true(has("Sign in with another account"));
}

static void
test_links_have_safe_targets(void **state)
{
	struct page page = {
		.kind = PAGE_SIGN_IN, .status = 200, .sign_in_location = "javascript:1"};

	render(*state, &page);
	assert_page_is_sound();
	assert_true(has("<a class=\"button\" href=\"/\">"));
}

static void
test_sign_out_posts_to_our_endpoint(void **state)
{
	struct page page = {.kind = PAGE_SIGN_OUT,
			    .status = 200,
			    .identity = {.username = STR("ada"), .name = STR("Ada")}};

	render(*state, &page);
	assert_page_is_sound();
	assert_true(has("method=\"post\" action=\"/oauth2/sign_out\""));
	assert_true(has("<bdi>@ada</bdi>"));
	assert_false(has("Status 200"));
	page.kind = PAGE_SIGNED_OUT;
	page.gitlab_url = "https://gitlab.example.com/?a=1&b";
	render(*state, &page);
	assert_page_is_sound();
	assert_true(has("Sign in again"));
	assert_true(has("<a href=\"https://gitlab.example.com/?a=1&amp;b\">Go to GitLab</a>"));
}

static void
test_status_page(void **state)
{
	int64_t now_ms = clock_wall_ms();
	struct clone_progress clone = {.phase = CLONE_RECEIVING, .percent = 42};
	struct page_status status = {
		.times = {.opened_ms = now_ms - 90 * 60 * 1000,
			  .answered_ms = now_ms,
			  .expires_ms = now_ms + INT64_C(3) * 86400 * 1000,
			  .idle_limit_ms = 4 * 3600 * 1000},
		.repository = STR("gitlab.example.com/a<b>/c"),
		.directory = "/projects/\"c\"",
	};
	struct page page = {.kind = PAGE_STATUS,
			    .status = 200,
			    .identity = {.username = STR("ada"), .name = STR("<script>Ada")},
			    .clone = &clone,
			    .session = &status};

	render(*state, &page);
	assert_page_is_sound();
	assert_int_equal(count("<script"), 1);
	assert_true(has("data-address=\"/oauth2/workspace/log\""));
	assert_true(has("&lt;script&gt;Ada"));
	assert_true(has("gitlab.example.com/a&lt;b&gt;/c"));
	assert_true(has("/projects/&quot;c&quot;"));
	assert_true(has("Not responding yet"));
	assert_true(has("Being cloned, 42%"));
	assert_true(has(">90 minutes ago</time>"));
	assert_true(has(">just now</time>"));
	assert_true(has(">in 3 days</time>"));
	assert_true(has("or after 4 hours of inactivity"));
	assert_true(has("method=\"post\" action=\"/oauth2/sign_out\""));
	page.clone = NULL;
	page.is_ready = true;
	page.port = 3000;
	status.repository = STR_NONE;
	status.directory = NULL;
	render(*state, &page);
	assert_page_is_sound();
	assert_true(has("<dt>Port 3000</dt>") && has("Everything is running.") &&
		    has("None configured"));
}

/* Links that open desktop IDEs, from names that are not ours. */
static void
test_desktop_links(void **state)
{
	static const struct start_timeline timeline;
	struct page_status status = {.has_ssh = true,
				     .timeline = &timeline,
				     .directory = "/projects/a&b \"c\"",
				     .ssh_user = "coder"};
	struct page page = {.kind = PAGE_STATUS, .status = 200, .session = &status};

	render(*state, &page);
	assert_page_is_sound();
	assert_true(has("<a href=\"jetbrains-gateway://connect#type=ssh&amp;deploy=true&amp;port=22"
			"&amp;host="));
	assert_true(has("&amp;user=coder&amp;projectPath=%2Fprojects%2Fa%26b%20%22c%22\">"));
	assert_true(has("<a href=\"vscode://vscode-remote/ssh-remote+"));
	assert_false(has("At the moment"));
	status.ssh_user = status.directory = NULL;
	status.ssh_problem = "sshd <is> down";
	render(*state, &page);
	assert_page_is_sound();
	assert_false(has("user=") || has("projectPath"));
	assert_true(has("At the moment: sshd &lt;is&gt; down."));
}

static void
render_ports(const struct pages *p, const struct page_ports *ports)
{
	struct page_status status = {.ports = ports};
	struct page page = {.kind = PAGE_STATUS, .status = 200, .session = &status};

	render(p, &page);
	assert_page_is_sound();
	assert_int_equal(count("<script"), 1);
}

static void
test_status_page_lists_ports(void **state)
{
	struct port_list list;
	struct page_ports ports = some_ports(&list);

	render_ports(*state, &ports);
	assert_true(has("<li data-port=\"3000\"><a href=\"https://3000-a&quot;&lt;b&gt;/\">"
			"3000-a&quot;&lt;b&gt;</a> <span class=\"when\">Only &lt;you&gt;</span>"));
	assert_true(has("<li data-port=\"8080\">") && has("id=\"ports-note\" hidden>"));
	list.more = 7;
	render_ports(*state, &ports);
	assert_true(has("id=\"ports-note\">And 7 more.<"));
	list = (struct port_list){.count = 0};
	render_ports(*state, &ports);
	assert_true(has("<ul id=\"ports-list\" role=\"list\" hidden>") &&
		    has(">No server is running"));
	(void)snprintf(list.problem, sizeof(list.problem), "no <b>");
	render_ports(*state, &ports);
	assert_true(has("id=\"ports-note\">no &lt;b&gt;<") && !has(">No server is running"));
}

/* As many as there can be, with a host as long as there can be. */
static void
test_every_list_of_ports_has_room(void **state)
{
	struct port_list list = {.count = PORT_LIST_MAX, .more = 60000};
	char host[254] = "";
	const struct page_ports ports = {
		.list = &list, .host = {host, 253}, .audience = "Members of the project"};
	const struct pages_state json = {.is_ready = true, .ports = &ports};

	memset(host, 'a', 253);
	for (size_t i = 0; i < PORT_LIST_MAX; i++)
		list.ports[i] = (uint16_t)(65535 - PORT_LIST_MAX + i);
	render_ports(*state, &ports);
	buf_clear(&out);
	assert_true(pages_render_state(&json, &out));
	assert_in_range(out.len, 1, 16384);
}

static void
test_waiting_page_shows_progress(void **state)
{
	struct clone_progress clone = {.phase = CLONE_RECEIVING,
				       .counters.objects_done = 1234567,
				       .counters.objects_total = 2000000,
				       .counters.bytes = 93113548,
				       .rate.bytes_per_s = 2048,
				       .percent = 38};
	struct page page = {.kind = PAGE_WORKSPACE, .status = 503, .clone = &clone};

	render(*state, &page);
	assert_page_is_sound();
	assert_true(has("1,234,567 of 2,000,000 objects"));
	assert_true(has("88.8 MiB · 2.0 KiB/s"));
	assert_true(has("<progress id=\"bar\" max=\"100\" aria-label=\"Progress\" value=\"38\">"));
	assert_true(has("id=\"step-connecting\" data-state=\"done\""));
	assert_true(has("id=\"step-receiving\" data-state=\"active\" aria-current=\"step\""));
	assert_true(has("id=\"step-ide\" data-state=\"next\""));
	assert_true(has("data-address=\"/oauth2/workspace\""));
	assert_true(has("<noscript><meta http-equiv=\"refresh\" content=\"3\"></noscript>"));
	assert_true(has("id=\"trouble\" role=\"alert\" hidden"));
	assert_true(has("id=\"step-lfs\" data-state=\"next\" hidden>"));
	clone.phase = CLONE_CONNECTING;
	clone.notes = CLONE_NOTE_WAITS;
	render(*state, &page);
	assert_page_is_sound();
	assert_true(has("waiting for a writable directory"));
	clone.notes = 0;
	clone.phase = CLONE_LFS;
	clone.counters.files_done = 1500;
	clone.counters.files_total = 20000;
	render(*state, &page);
	assert_page_is_sound();
	assert_true(has("id=\"step-lfs\" data-state=\"active\" aria-current=\"step\">"));
	assert_true(has("1,500 of 20,000 files searched"));
	clone.lfs = (struct clone_lfs){3, 1200, 5, 10};
	render(*state, &page);
	assert_page_is_sound();
	assert_true(has("id=\"step-lfs\" data-state=\"active\" aria-current=\"step\">"));
	assert_true(has("3 of 1,200 files"));
	assert_true(has("88.8 MiB · 2.0 KiB/s"));
}

static void
test_waiting_page_says_what_went_wrong(void **state)
{
	struct clone_progress clone = {.phase = CLONE_FAILED,
				       .problem = CLONE_PROBLEM_DISK_FULL,
				       .counters.objects_done = 5,
				       .counters.objects_total = 9,
				       .can_retry = true,
				       .message = "No space is left on <the> volume."};
	struct page page = {.kind = PAGE_WORKSPACE, .status = 503, .clone = &clone};

	render(*state, &page);
	assert_page_is_sound();
	assert_true(has("No space is left on &lt;the&gt; volume."));
	assert_false(has("role=\"alert\" hidden"));
	assert_true(has("id=\"act\" method=\"post\" action=\"/oauth2/workspace\""));
	assert_true(has("name=\"action\" value=\"retry\">Try again"));
	assert_true(has("name=\"action\" value=\"continue\">Open the IDE without the repository"));
	assert_true(has("id=\"step-receiving\" data-state=\"failed\""));
	clone.can_retry = false;
	render(*state, &page);
	assert_true(has("name=\"action\" value=\"retry\" hidden>"));
}

static void
test_waiting_page_without_clone_has_no_steps(void **state)
{
	struct page page = {.kind = PAGE_WORKSPACE, .status = 503};

	render(*state, &page);
	assert_page_is_sound();
	assert_false(has("<ol"));
	assert_true(has("Starting your IDE"));
	assert_false(has("aria-label=\"Progress\" value"));
}

static void
test_small_buffer_is_an_error(void **state)
{
	struct page page = {.kind = PAGE_WORKSPACE, .status = 503};
	struct buf tiny;

	buf_init(&tiny, 100);
	assert_false(pages_render_html(*state, &page, &tiny));
	buf_clear(&tiny);
	assert_false(pages_render_json(&page, &tiny));
	buf_fini(&tiny);
}

static void
test_waiting_page_of_a_port(void **state)
{
	struct clone_progress clone = {.phase = CLONE_RECEIVING};
	struct page page = {.kind = PAGE_WORKSPACE, .status = 503, .port = 3000};

	render(*state, &page);
	assert_true(has("<h1 id=\"title\">No server on port 3000 yet</h1>"));
	assert_true(has("data-goal=\"port 3000\""));
	buf_clear(&out);
	assert_true(pages_render_json(&page, &out));
	assert_true(has("\"error\":\"port_not_ready\""));
	assert_true(has("\"port\":{\"number\":3000,\"ready\":false}"));
	assert_false(has("\"ide\""));
	/* The repository comes first. */
	page.clone = &clone;
	buf_clear(&out);
	assert_true(pages_render_json(&page, &out));
	assert_true(has("\"error\":\"workspace_starting\""));
}

static bool
speaks_of_the_workspace(struct str text)
{
	return str_find(text, STR("orkspace")) != SIZE_MAX ||
	       str_find(text, STR("IDE")) != SIZE_MAX;
}

static void
assert_fit_for_guests(const struct pages *p, const struct page *page)
{
	size_t begin;
	struct str text;

	render(p, page);
	assert_page_is_sound();
	begin = str_find(buf_view(&out), STR("<main"));
	text = str_skip(buf_view(&out), begin);
	text = str_take(text, str_find(text, STR("</main>")));
	if (speaks_of_the_workspace(text))
		fail_msg("kind %d, status %u, problem %d: %.*s", (int)page->kind, page->status,
			 (int)page->problem, STR_FMT(text));
	buf_clear(&out);
	assert_true(pages_render_json(page, &out));
	assert_false(speaks_of_the_workspace(buf_view(&out)));
}

/* Guests know one port, but nothing of the workspace. */
static void
test_pages_at_the_host_of_a_port(void **state)
{
	static const unsigned statuses[] = {401, 404, 413, 414, 429, 431, 500, 502, 503, 504};
	static const enum auth_problem of_guests[] = {
		AUTH_PROBLEM_LOGIN_REQUIRED, AUTH_PROBLEM_GITLAB_UNAVAILABLE,
		AUTH_PROBLEM_OUTGOING_PROXY, AUTH_PROBLEM_BAD_REQUEST,
		AUTH_PROBLEM_CROSS_SITE,     AUTH_PROBLEM_LOGIN_FAILED,
		AUTH_PROBLEM_LOGIN_LOOP,     AUTH_PROBLEM_CONSENT_DENIED,
	};
	static const enum page_kind kinds[] = {PAGE_SIGN_IN, PAGE_SIGN_OUT, PAGE_SIGNED_OUT,
					       PAGE_TARGET_LOST};
	struct page page = {.status = 200, .port = 3000, .sign_in_location = "/x"};

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		page.kind = kinds[i];
		assert_fit_for_guests(*state, &page);
	}
	page.kind = PAGE_ERROR;
	for (size_t i = 0; i < sizeof(statuses) / sizeof(statuses[0]); i++) {
		page.status = statuses[i];
		assert_fit_for_guests(*state, &page);
	}
	for (size_t i = 0; i < sizeof(of_guests) / sizeof(of_guests[0]); i++) {
		page.problem = of_guests[i];
		assert_fit_for_guests(*state, &page);
	}
}

/* A user of the workspace signs out of the whole workspace there. */
static void
test_signing_out_at_the_host_of_a_port(void **state)
{
	struct page page = {.kind = PAGE_SIGN_OUT, .status = 200, .port = 3000};

	page.identity.username = STR("ada");
	render(*state, &page);
	assert_true(has("<h1>Sign out of this workspace?</h1>"));
	page.is_guest = true;
	assert_fit_for_guests(*state, &page);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_policy_names_the_inline_blocks),
		cmocka_unit_test(test_headers_forbid_caching_and_framing),
		cmocka_unit_test(test_every_problem_has_its_own_title),
		cmocka_unit_test(test_every_status_renders),
		cmocka_unit_test(test_names_are_escaped),
		cmocka_unit_test(test_links_have_safe_targets),
		cmocka_unit_test(test_sign_out_posts_to_our_endpoint),
		cmocka_unit_test(test_waiting_page_shows_progress),
		cmocka_unit_test(test_waiting_page_of_a_port),
		cmocka_unit_test(test_waiting_page_says_what_went_wrong),
		cmocka_unit_test(test_waiting_page_without_clone_has_no_steps),
		cmocka_unit_test(test_small_buffer_is_an_error),
		cmocka_unit_test(test_status_page),
		cmocka_unit_test(test_desktop_links),
		cmocka_unit_test(test_status_page_lists_ports),
		cmocka_unit_test(test_every_list_of_ports_has_room),
		cmocka_unit_test(test_pages_at_the_host_of_a_port),
		cmocka_unit_test(test_signing_out_at_the_host_of_a_port),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
