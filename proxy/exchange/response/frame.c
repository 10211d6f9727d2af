/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sends frame-ancestors (Content Security Policy Level 3, section 6.4.2). It applies to each page
 * around the frame, so it names the embedding page's origin and that of the workspace, whose page
 * may embed that one. X-Frame-Options can't name an origin, and is left out for frames.
 */
#include "proxy/exchange/response/frame.h"

#include "proxy/exchange/exchange_private.h"

#define NO_ANCESTORS "frame-ancestors 'none'"

/* Whether the request is the navigation of a frame to the host of a port, or to the endpoint that
 * redirects there. */
static bool
is_for_frame(const struct exchange *x)
{
	struct auth_facts facts = exchange_facts(x);
	bool is_on_the_way = x->route.kind == ROUTE_AUTH && x->route.endpoint == AUTH_ENDPOINT_PORT;

	return (x->route.port != 0 || is_on_the_way) && auth_is_frame(&facts);
}

bool
frame_may_show(const struct exchange *x, enum page_kind kind)
{
	return (kind == PAGE_ERROR || kind == PAGE_WORKSPACE) && is_for_frame(x);
}

static struct str
find_embedder(const struct exchange *x)
{
	struct auth_facts facts = exchange_facts(x);

	return x->proxy->auth == NULL ? STR_NONE : auth_embedder(x->proxy->auth, &facts);
}

/* "frame-ancestors …" for this request; NULL: out of memory. */
static const char *
format_ancestors(struct exchange *x)
{
	struct str embedder = find_embedder(x);
	struct str own = x->proxy->origin;

	if (str_equal(embedder, own))
		embedder = STR_NONE;
	return arena_printf(&x->arena, "frame-ancestors 'self' %.*s%s%.*s", STR_FMT(own),
			    str_is_empty(embedder) ? "" : " ", STR_FMT(embedder));
}

static const char *
replace_ancestors(struct exchange *x, const char *csp)
{
	const char *none = strstr(csp, NO_ANCESTORS);
	const char *ancestors = format_ancestors(x);

	if (none == NULL || ancestors == NULL)
		return NULL;
	return arena_printf(&x->arena, "%.*s%s%s", (int)(none - csp), csp, ancestors,
			    none + strlen(NO_ANCESTORS));
}

bool
frame_add_page_headers(struct exchange *x, const struct page_header *fields, bool is_framed,
		       struct headers *h)
{
	for (; fields->name != NULL; fields++) {
		const char *value = fields->value;

		if (is_framed && strcmp(fields->name, "X-Frame-Options") == 0)
			continue;
		if (is_framed && strcmp(fields->name, "Content-Security-Policy") == 0)
			value = replace_ancestors(x, value);
		if (value == NULL)
			return false;
		headers_add_own(h, str_from(fields->name), str_from(value));
	}
	return true;
}

void
frame_add_redirect_headers(struct exchange *x, struct headers *h)
{
	bool shows_page = x->verdict.allows_origin || !str_is_empty(find_embedder(x));
	const char *policy = shows_page ? "strict-origin" : "no-referrer";
	const char *ancestors = is_for_frame(x) ? format_ancestors(x) : NULL;

	headers_add_own(h, STR("Referrer-Policy"), str_from(policy));
	headers_add_own(h, STR("Content-Security-Policy"),
			str_from(ancestors == NULL ? NO_ANCESTORS : ancestors));
}
