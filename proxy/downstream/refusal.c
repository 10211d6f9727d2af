/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Renders the error page, as HTML or JSON.
 */
#include "proxy/downstream/refusal.h"

bool
refusal_is_html(struct str head)
{
	return str_find(head, STR("text/html")) != SIZE_MAX;
}

static void
add(struct refusal *r, const char *name, const char *value)
{
	headers_add_own(&r->headers, str_from(name), str_from(value));
}

static void
add_page_fields(struct refusal *r, const struct pages *pages, bool is_html)
{
	if (!is_html) {
		add(r, "Content-Type", "application/json");
		add(r, "Cache-Control", "no-store");
		add(r, "X-Content-Type-Options", "nosniff");
		return;
	}
	add(r, "Content-Type", "text/html; charset=utf-8");
	for (const struct page_header *f = pages_headers(pages, PAGE_ERROR); f->name != NULL; f++)
		add(r, f->name, f->value);
}

void
refusal_init(struct refusal *r, struct proxy *p, unsigned status, bool is_html)
{
	const struct page page = {.kind = PAGE_ERROR, .status = status};

	r->headers = (struct headers){.items = r->items, .size = REFUSAL_FIELDS};
	add(r, "Date", proxy_date(p));
	add_page_fields(r, p->pages, is_html);
	buf_init(&r->body, is_html ? PAGES_HTML_MAX : PAGES_JSON_MAX);
	if (!(is_html ? pages_render_html(p->pages, &page, &r->body)
		      : pages_render_json(&page, &r->body)))
		buf_clear(&r->body);
}

void
refusal_fini(struct refusal *r)
{
	buf_fini(&r->body);
}
