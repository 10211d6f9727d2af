/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Helpers for tests of pages and of their JSON: rendering into a buffer.
 */
#ifndef TESTS_UNIT_PROXY_PAGES_PAGES_SUPPORT_H
#define TESTS_UNIT_PROXY_PAGES_PAGES_SUPPORT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/crypto/crypto.h"
#include "base/json.h"
#include "proxy/pages/pages.h"

static struct buf out;

static inline int
set_up(void **state)
{
	struct err e = ERR_INIT;

	*state = pages_new(STR("/oauth2"), "ada.ws.example.com", &e);
	buf_init(&out, PAGES_HTML_MAX);
	return *state == NULL ? -1 : 0;
}

static inline int
tear_down(void **state)
{
	pages_free(*state);
	buf_fini(&out);
	return 0;
}

static inline bool
has(const char *text)
{
	return str_find(buf_view(&out), str_from(text)) != SIZE_MAX;
}

static inline size_t
count(const char *text)
{
	struct str rest = buf_view(&out);
	size_t n = 0, at;

	while ((at = str_find(rest, str_from(text))) != SIZE_MAX) {
		rest = str_skip(rest, at + 1);
		n++;
	}
	return n;
}

static inline void
render(const struct pages *p, const struct page *page)
{
	buf_clear(&out);
	assert_true(pages_render_html(p, page, &out));
}

/* The policy forbids inline handlers and style attributes. */
static inline void
assert_page_is_sound(void)
{
	assert_int_equal(count("<!DOCTYPE html>"), 1);
	assert_int_equal(count("<html lang=\"en\">"), 1);
	assert_int_equal(count("<title>"), 1);
	assert_int_equal(count("<h1"), 1);
	assert_int_equal(count("<main"), 1);
	assert_int_equal(count("<style>"), 1);
	assert_int_equal(count("</html>"), 1);
	assert_false(has(" style="));
	assert_false(has(" onclick="));
	assert_false(has("javascript:"));
	assert_false(has("src=\"http"));
	assert_false(has("(null)"));
}

static inline struct page_ports
some_ports(struct port_list *list)
{
	*list = (struct port_list){.ports = {3000, 8080}, .count = 2};
	return (struct page_ports){.list = list, .host = STR("a\"<b>"), .audience = "Only <you>"};
}

static inline struct str
find_policy(const struct pages *pages)
{
	const struct page_header *h = pages_headers(pages, PAGE_ERROR);

	while (strcmp(h->name, "Content-Security-Policy") != 0)
		h++;
	return str_from(h->value);
}

#endif
