/* SPDX-License-Identifier: Apache-2.0 */
/*
 * proxy/pages: in a frame, where a sign-in is not possible, a page links to a new tab.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "proxy/pages/pages.h"

static struct pages *pages;
static struct buf out;

static int
setup(void **state)
{
	struct err e = ERR_INIT;

	(void)state;
	buf_init(&out, PAGES_HTML_MAX);
	pages = pages_new(STR("/oauth2"), "ada.ws.example.com", &e);
	assert_non_null(pages);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	buf_fini(&out);
	pages_free(pages);
	return 0;
}

static bool
shows(const struct page *page, struct str text)
{
	buf_clear(&out);
	assert_true(pages_render_html(pages, page, &out));
	return str_find(buf_view(&out), text) != SIZE_MAX;
}

static void
test_a_frame_leads_to_a_tab(void **state)
{
	struct str link =
		STR("<a class=\"button\" href=\"https://ada.ws.example.com/oauth2/start?rd="
		    "%2F\" target=\"_blank\" rel=\"noopener\">");
	struct page page = {.status = 401,
			    .problem = AUTH_PROBLEM_LOGIN_REQUIRED,
			    .is_framed = true,
			    .sign_in_location = "https://ada.ws.example.com/oauth2/start?rd=%2F"};

	(void)state;
	assert_true(shows(&page, link));
	assert_false(shows(&page, STR("Sign in with GitLab")));
	page.is_framed = false;
	assert_false(shows(&page, STR("_blank")));
	assert_true(shows(&page, STR("Sign in with GitLab")));
}

static void
test_other_problems_read_the_same(void **state)
{
	struct page page = {.status = 403, .problem = AUTH_PROBLEM_NO_ACCESS, .is_framed = true};

	(void)state;
	assert_false(shows(&page, STR("_blank")));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_frame_leads_to_a_tab),
		cmocka_unit_test(test_other_problems_read_the_same),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
