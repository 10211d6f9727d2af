/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Names are compared in their folded spelling, as in proxy/http/headers: an application behind CGI
 * can't tell "Set-Cookie" from "Set.Cookie".
 */
#include "proxy/http/trailers.h"

#include "proxy/http/field_list.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define NAME(text)                                                                                 \
	{                                                                                          \
		text, sizeof(text) - 1                                                             \
	}

/* In addition to all fields with an id: response control data, authentication and policies. */
static const struct str forbidden_names[] = {
	NAME("age"),
	NAME("alt-svc"),
	NAME("authentication-info"),
	NAME("authorization"),
	NAME("cache-control"),
	NAME("cdn-cache-control"),
	NAME("clear-site-data"),
	NAME("expires"),
	NAME("location"),
	NAME("permissions-policy"),
	NAME("pragma"),
	NAME("range"),
	NAME("referrer-policy"),
	NAME("refresh"),
	NAME("retry-after"),
	NAME("service-worker-allowed"),
	NAME("set-cookie2"),
	NAME("surrogate-control"),
	NAME("timing-allow-origin"),
	NAME("vary"),
	NAME("warning"),
	NAME("www-authenticate"),
	NAME("x-content-type-options"),
	NAME("x-frame-options"),
};

static const struct str forbidden_prefixes[] = {
	NAME("accept-"), NAME("access-control-"), NAME("content-"), NAME("cross-origin-"),
	NAME("if-"),	 NAME("proxy-"),	  NAME("sec-"),	    NAME("x-accel-"),
};

/* Fields that describe the bytes (RFC 9530, RFC 9110 section 8.8.3): valid as trailers unless the
 * proxy changes the bytes. */
static const struct str names_about_bytes[] = {
	NAME("content-digest"), NAME("content-md5"), NAME("digest"),
	NAME("etag"),		NAME("repr-digest"),
};

static bool
is_one_of(struct str name, const struct str *names, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (name.len == names[i].len && header_folds_to_prefix(name, names[i]))
			return true;
	return false;
}

static bool
has_forbidden_prefix(struct str name)
{
	for (size_t i = 0; i < COUNT(forbidden_prefixes); i++)
		if (header_folds_to_prefix(name, forbidden_prefixes[i]))
			return true;
	return false;
}

static bool
may_pass(struct str name, bool is_recoded)
{
	if (is_one_of(name, names_about_bytes, COUNT(names_about_bytes)))
		return !is_recoded;
	return header_identify(name) == HEADER_OTHER &&
	       !is_one_of(name, forbidden_names, COUNT(forbidden_names)) &&
	       !has_forbidden_prefix(name);
}

bool
trailers_are_accepted(const struct request_head *r, bool is_http10)
{
	return headers_has(&r->headers, HEADER_TE) && !is_http10 && !r->is_head &&
	       headers_has_token(&r->headers, HEADER_TE, STR("trailers"));
}

bool
trailers_parse(struct str lines, size_t count, struct headers *h, struct arena *a)
{
	if (!headers_init(h, count, a))
		return false;
	while (lines.len > 0) {
		size_t colon = str_find_byte(lines, ':');
		size_t lf = str_find_byte(lines, '\n');

		err_assert(colon < lf && lf < lines.len && lines.data[lf - 1] == '\r');
		struct str value = str_skip(str_take(lines, lf - 1), colon + 1);
		headers_add_own(h, str_take(lines, colon), str_trim(value));
		lines = str_skip(lines, lf + 1);
	}
	return true;
}

void
trailers_filter(struct headers *h, bool is_recoded)
{
	size_t kept = 0;

	for (size_t i = 0; i < h->count; i++)
		if (may_pass(h->items[i].name, is_recoded))
			h->items[kept++] = h->items[i];
	h->count = kept;
}

bool
trailers_may_be_announced(struct str value)
{
	struct str name;

	if (!field_list_is_valid(value, FIELD_LIST_TOKEN))
		return false;
	while (str_next(&value, ',', &name)) {
		name = str_trim(name);
		if (name.len > 0 && !may_pass(name, false))
			return false;
	}
	return true;
}
