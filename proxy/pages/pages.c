/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Renders pages: the frame around all of them, and the simple ones, which are a title, sentences
 * and at most one action. The build turns each line of the style and script in proxy/pages/assets
 * into a string literal.
 */
#include "proxy/pages/pages.h"

#include <stdlib.h>

#include "base/crypto/crypto.h"
#include "proxy/pages/pages_private.h"

#define CSP_MAX_BYTES	1024u
#define ASSET_MAX_BYTES 49152u
#define COUNT(array)	(sizeof(array) / sizeof((array)[0]))

static const char *const style_lines[] = {
#include "proxy/pages/assets/page.css.inc"
};

static const char *const script_lines[] = {
#include "proxy/pages/assets/log.js.inc"
#include "proxy/pages/assets/page.js.inc"
#include "proxy/pages/assets/ports.js.inc"
#include "proxy/pages/assets/share.js.inc"
};

/* Returns the lines as one text; the caller frees it. NULL: out of memory. */
static char *
join_lines(const char *const *lines, size_t count)
{
	struct buf text;
	char *joined;

	buf_init(&text, ASSET_MAX_BYTES);
	for (size_t i = 0; i < count; i++)
		buf_add_str(&text, str_from(lines[i]));
	joined = buf_is_ok(&text) ? str_dup(buf_view(&text)) : NULL;
	buf_fini(&text);
	return joined;
}

static void
add_hash(struct buf *out, const char *block)
{
	uint8_t digest[CRYPTO_SHA256_BYTES];

	crypto_sha256(str_from(block), digest);
	buf_add_str(out, STR("'sha256-"));
	crypto_base64_encode(out, STR_BYTES(digest));
	buf_add_str(out, STR("'"));
}

/* Builds the Content-Security-Policy (Content Security Policy Level 3; section 2.3.1 for the
 * hashes). The caller frees it; NULL: out of memory. */
static char *
csp_new(const struct pages *p, const char *form_targets)
{
	struct buf out;
	char *csp;

	buf_init(&out, CSP_MAX_BYTES);
	buf_add_str(&out, STR("default-src 'none'; style-src "));
	add_hash(&out, p->style);
	buf_add_str(&out, STR("; script-src "));
	add_hash(&out, p->script);
	buf_addf(&out,
		 "; connect-src 'self'; form-action %s; frame-ancestors 'none'; base-uri 'none'",
		 form_targets);
	csp = buf_is_ok(&out) ? str_dup(buf_view(&out)) : NULL;
	buf_fini(&out);
	return csp;
}

static void
fill_headers(struct page_header headers[8], const char *csp)
{
	size_t n = 0;

	headers[n++] = (struct page_header){"Content-Security-Policy", csp};
	headers[n++] = (struct page_header){"Cache-Control", "no-store"};
	headers[n++] = (struct page_header){"X-Content-Type-Options", "nosniff"};
	headers[n++] = (struct page_header){"X-Frame-Options", "DENY"};
	/* With "no-referrer", browsers would send "Origin: null" with our own forms. */
	headers[n++] = (struct page_header){"Referrer-Policy", "same-origin"};
	headers[n++] = (struct page_header){"Cross-Origin-Resource-Policy", "same-origin"};
	headers[n] = (struct page_header){NULL, NULL};
}

struct pages *
pages_new(struct str prefix, const char *workspace, struct err *e)
{
	struct pages *p = calloc(1, sizeof(*p));

	if (p == NULL)
		goto fail;
	p->prefix = str_dup(prefix);
	p->workspace = str_dup(workspace == NULL ? STR("Workspace") : str_from(workspace));
	p->style = join_lines(style_lines, COUNT(style_lines));
	p->script = join_lines(script_lines, COUNT(script_lines));
	if (p->prefix == NULL || p->workspace == NULL || p->style == NULL || p->script == NULL)
		goto fail;
	p->csp = csp_new(p, "'self'");
	/* Browsers apply form-action to redirects as well: that of the device's form goes to
	 * loopback. */
	p->device_csp = csp_new(p, "'self' http://127.0.0.1:*");
	if (p->csp == NULL || p->device_csp == NULL)
		goto fail;
	fill_headers(p->headers, p->csp);
	fill_headers(p->device_headers, p->device_csp);
	return p;
fail:
	pages_free(p);
	err_set(e, ERR_MEMORY, "pages: out of memory");
	return NULL;
}

void
pages_free(struct pages *p)
{
	if (p == NULL)
		return;
	free(p->prefix);
	free(p->workspace);
	free(p->style);
	free(p->script);
	free(p->csp);
	free(p->device_csp);
	free(p);
}

const struct page_header *
pages_headers(const struct pages *p, enum page_kind kind)
{
	return kind == PAGE_DEVICE ? p->device_headers : p->headers;
}

/* Adds nothing for NULL. */
static void
add_element(struct buf *out, const char *open, const char *text, const char *close)
{
	if (text != NULL)
		pages_add_between(out, open, str_from(text), close);
}

static void
add_head(const struct pages *p, const struct page *page, const char *title, struct buf *out)
{
	buf_add_str(out,
		    STR("<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
			"<meta name=\"viewport\" content=\"width=device-width, "
			"initial-scale=1\">\n<meta name=\"robots\" content=\"noindex\">\n"));
	if (page->kind == PAGE_WORKSPACE)
		buf_add_str(out, STR("<noscript><meta http-equiv=\"refresh\" content=\"3\">"
				     "</noscript>\n"));
	add_element(out, "<title>", title, " · ");
	add_element(out, "", p->workspace, "</title>\n<style>");
	buf_add_str(out, str_from(p->style));
	buf_add_str(out, STR("</style>\n</head>\n"));
}

static void
add_header(const struct pages *p, const struct page *page, struct buf *out)
{
	bool is_for_user = page->kind == PAGE_WORKSPACE || page->kind == PAGE_SIGN_OUT ||
			   page->kind == PAGE_DEVICE;

	buf_add_str(out,
		    STR("<body>\n<header>\n<svg viewBox=\"0 0 28 28\" fill=\"none\" "
			"stroke=\"currentColor\" stroke-width=\"2.5\" stroke-linecap=\"round\" "
			"stroke-linejoin=\"round\" aria-hidden=\"true\">"
			"<path d=\"M11 4H8a4 4 0 0 0-4 4v12a4 4 0 0 0 4 4h3\"/>"
			"<path d=\"M17 4h3a4 4 0 0 1 4 4v12a4 4 0 0 1-4 4h-3\"/>"
			"<path d=\"m11.5 9.5 4.5 4.5-4.5 4.5\"/></svg>\n"));
	add_element(out, "<span class=\"place\">", p->workspace, "</span>\n");
	if (is_for_user && !str_is_empty(page->identity.username)) {
		buf_add_str(out, STR("<span class=\"who\">"));
		pages_add_identity(out, &page->identity);
		if (page->kind == PAGE_WORKSPACE)
			add_element(out, " · <a href=\"", p->prefix, "/sign_out\">Sign out</a>");
		buf_add_str(out, STR("</span>\n"));
	}
	buf_add_str(out, STR("</header>\n"));
}

static void
add_footer(const struct page *page, struct buf *out)
{
	bool is_error = page->kind == PAGE_ERROR;

	buf_add_str(out, STR("<footer>\n"));
	if (is_error && page->request_id != NULL)
		add_element(out, "<span>Request id <code>", page->request_id, "</code></span>\n");
	if (is_error)
		buf_addf(out, "<span>Status %u</span>\n", page->status);
	buf_add_str(out, STR("</footer>\n</body>\n</html>\n"));
}

/* Whether the location is a path or an http(s) URL, and so no javascript: URL. */
static bool
is_safe_location(const char *location)
{
	struct str s = str_from(location);

	return str_starts_with(s, STR("/")) || str_starts_with(s, STR("https://")) ||
	       str_starts_with(s, STR("http://"));
}

/* attributes: the end of the href attribute, further attributes, and the end of the tag. */
static void
add_link(const struct page *page, const char *attributes, const char *label, struct buf *out)
{
	const char *location = page->sign_in_location;

	if (location == NULL || !is_safe_location(location))
		location = "/";
	add_element(out, "<a class=\"button\" href=\"", location, attributes);
	add_element(out, "", label, "</a>\n");
}

static void
add_sign_in_link(const struct page *page, const char *label, struct buf *out)
{
	add_link(page, "\">", label, out);
}

static void
add_gitlab_link(const struct page *page, struct buf *out)
{
	if (page->gitlab_url != NULL && is_safe_location(page->gitlab_url))
		add_element(out, "<a href=\"", page->gitlab_url, "\">Go to GitLab</a>\n");
}

static void
add_error_action(const struct page *page, enum page_action action, struct buf *out)
{
	if (action == PAGE_ACTION_NONE ||
	    (action == PAGE_ACTION_OPEN && page->sign_in_location == NULL))
		return;
	buf_add_str(out, STR("<div class=\"actions\">\n"));
	if (action == PAGE_ACTION_SIGN_IN)
		add_sign_in_link(page, "Sign in with GitLab", out);
	else if (action == PAGE_ACTION_SWITCH)
		add_sign_in_link(page, "Sign in with another account", out);
	else if (action == PAGE_ACTION_OPEN)
		add_sign_in_link(
			page, page->port == 0 ? "Open the workspace" : "Open the start page", out);
	else if (action == PAGE_ACTION_TAB)
		add_link(page, "\" target=\"_blank\" rel=\"noopener\">", "Open in a new tab", out);
	else if (page->sign_in_location != NULL)
		add_sign_in_link(page, "Try again", out);
	else /* an empty href is the page itself */
		buf_add_str(out, STR("<a class=\"button\" href=\"\">Try again</a>\n"));
	if (action == PAGE_ACTION_SWITCH)
		add_gitlab_link(page, out);
	buf_add_str(out, STR("</div>\n"));
}

static void
add_sign_out_form(const struct pages *p, const struct page *page, struct buf *out)
{
	add_element(out, "<form class=\"actions\" method=\"post\" action=\"", p->prefix,
		    "/sign_out\">\n<button>Sign out</button>\n"
		    "<button name=\"all\" value=\"1\">Sign out on all devices</button>\n");
	add_element(out, "<a href=\"/\">", page->port == 0 ? "Back to the workspace" : "Back",
		    "</a>\n</form>\n");
}

static void
add_actions(const struct pages *p, const struct page *page, enum page_action action,
	    struct buf *out)
{
	switch (page->kind) {
	case PAGE_ERROR:
		add_error_action(page, action, out);
		break;
	case PAGE_SIGN_IN:
		add_error_action(page, PAGE_ACTION_SIGN_IN, out);
		break;
	case PAGE_SIGN_OUT:
		add_sign_out_form(p, page, out);
		break;
	case PAGE_SIGNED_OUT:
		buf_add_str(out, STR("<div class=\"actions\">\n"));
		add_sign_in_link(page, "Sign in again", out);
		add_gitlab_link(page, out);
		buf_add_str(out, STR("</div>\n"));
		break;
	case PAGE_TARGET_LOST:
		add_error_action(page, PAGE_ACTION_OPEN, out);
		break;
	case PAGE_RELAY:
	case PAGE_DEVICE:
	case PAGE_STATUS:
	case PAGE_WORKSPACE:
		break;
	}
}

static void
add_notice(const struct pages *p, const struct page *page, const struct page_text *text,
	   struct buf *out)
{
	bool is_not_shared = page->problem == AUTH_PROBLEM_NOT_SHARED;
	bool names_user = (page->problem == AUTH_PROBLEM_NO_ACCESS || is_not_shared) &&
			  !str_is_empty(page->identity.username);

	add_element(out, "<main>\n<h1>", text->title, "</h1>\n");
	if (names_user) {
		buf_add_str(out, STR("<p class=\"lead\">You are signed in as "));
		pages_add_identity(out, &page->identity);
		buf_add_str(out,
			    is_not_shared
				    ? STR(", but the port is not shared with this account.</p>\n")
				    : STR(", but this account has no access to this "
					  "workspace.</p>\n"));
	} else {
		add_element(out, "<p class=\"lead\">", text->message, "</p>\n");
	}
	add_element(out, "<p>", page->detail, "</p>\n");
	add_element(out, "<p class=\"soft\">", text->hint, "</p>\n");
	if (page->retry_after_s > 0)
		buf_addf(out, "<p class=\"soft\">Please try again in %u second%s.</p>\n",
			 (unsigned)page->retry_after_s, page->retry_after_s == 1 ? "" : "s");
	add_actions(p, page, text->action, out);
	buf_add_str(out, STR("</main>\n"));
}

bool
pages_render_html(const struct pages *p, const struct page *page, struct buf *out)
{
	const struct page_text *text = pages_text_find(page);

	add_head(p, page, text->title, out);
	add_header(p, page, out);
	if (page->kind == PAGE_WORKSPACE)
		pages_add_workspace(p, page, out);
	else if (page->kind == PAGE_STATUS)
		pages_add_status(p, page, out);
	else if (page->kind == PAGE_DEVICE)
		pages_add_device(p, page, out);
	else
		add_notice(p, page, text, out);
	add_footer(page, out);
	return buf_is_ok(out);
}
