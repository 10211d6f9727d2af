/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The heads of compressed responses: eligibility, negotiation, and the fields that change.
 */
#include "proxy/http/content_coding.h"

#include "base/ascii.h"

/* Limit of elements of Accept-Encoding; with more, nothing is compressed. Browsers send five. */
#define ACCEPT_ELEMENTS_MAX 16

/* Qvalues in thousandths (RFC 9110 section 12.4.2). */
#define QVALUE_ONE 1000

static struct str
media_type(struct str content_type)
{
	return str_trim(str_take(content_type, str_find_byte(content_type, ';')));
}

static bool
lists_type(struct str types, struct str type)
{
	struct str listed;

	while (str_next(&types, ',', &listed))
		if (str_equal_nocase(str_trim(listed), type))
			return true;
	return false;
}

/* restricted-name of RFC 6838 section 4.2. */
static bool
is_type_name(struct str name)
{
	return name.len > 0 && ascii_all_alnum_or(name, STR("!#$&-^_.+"));
}

bool
content_coding_types_are_valid(struct str types)
{
	struct str type;

	if (str_is_empty(str_trim(types)))
		return true;
	while (str_next(&types, ',', &type)) {
		type = str_trim(type);
		size_t slash = str_find_byte(type, '/');
		if (slash == SIZE_MAX || !is_type_name(str_take(type, slash)) ||
		    !is_type_name(str_skip(type, slash + 1)) ||
		    str_equal_nocase(type, STR("text/event-stream")))
			return false;
	}
	return true;
}

bool
content_coding_types_are_risky(struct str types)
{
	return lists_type(types, STR("text/html")) || lists_type(types, STR("application/json"));
}

/* Whether Cache-Control may have the directive, with or without an argument. May be wrong if it is
 * part of a quoted string. */
static bool
may_have_directive(const struct headers *h, struct str directive)
{
	struct str value;
	struct str part;

	for (size_t i = 0; (value = headers_get(h, STR("cache-control"), i)).data != NULL; i++)
		while (str_next(&value, ',', &part)) {
			part = str_take(part, str_find_byte(part, '='));
			if (str_equal_nocase(str_trim(part), directive))
				return true;
		}
	return false;
}

/* Whether Cache-Control has "public", and no directive that contradicts it. False if it has quoted
 * strings, which are not parsed. */
static bool
is_public(const struct headers *h)
{
	struct str value;

	for (size_t i = 0; (value = headers_get(h, STR("cache-control"), i)).data != NULL; i++)
		if (str_find_byte(value, '"') != SIZE_MAX)
			return false;
	return may_have_directive(h, STR("public")) && !may_have_directive(h, STR("private")) &&
	       !may_have_directive(h, STR("no-store"));
}

/* HTML and JSON often have personal content; source maps, which are code, do not. */
static bool
is_safe_when_public(struct str type)
{
	return str_equal_nocase(type, STR("text/html")) ||
	       str_equal_nocase(type, STR("application/json"));
}

static bool
is_source_map(const struct request_head *request, struct str type)
{
	return str_ends_with(request->path, STR(".map")) &&
	       str_equal_nocase(type, STR("application/json"));
}

static bool
has_eligible_type(const struct request_head *request, const struct headers *h, struct str types)
{
	struct str type = media_type(headers_get(h, STR("content-type"), 0));

	return lists_type(types, type) || is_source_map(request, type) ||
	       (is_safe_when_public(type) && is_public(h));
}

/* RFC 9110 section 8.8.3, without "W/": a quoted string that holds neither quotes nor white space.
 */
static bool
is_strong_etag(struct str etag)
{
	if (etag.len < 2 || etag.data[0] != '"' || etag.data[etag.len - 1] != '"')
		return false;
	for (size_t i = 1; i < etag.len - 1; i++)
		if (etag.data[i] == '"' || etag.data[i] == ' ' || etag.data[i] == '\t')
			return false;
	return true;
}

/* Whether there is no ETag or a well-formed one: others can't be made weak. */
static bool
has_usable_etag(const struct headers *h)
{
	struct str etag = headers_get(h, STR("etag"), 0);

	if (etag.data == NULL)
		return true;
	if (str_starts_with(etag, STR("W/")))
		etag = str_skip(etag, 2);
	return is_strong_etag(etag) && headers_get(h, STR("etag"), 1).data == NULL;
}

/* Whether fields describe the bytes before compression (RFC 9530, RFC 1864), in the head or
 * announced as trailers, or forbid a transformation; or whether a field with one value is repeated.
 */
static bool
forbids_coding(const struct headers *h)
{
	static const struct str names[] = {
		{"content-encoding", 16}, {"content-range", 13}, {"content-digest", 14},
		{"repr-digest", 11},	  {"digest", 6},	 {"content-md5", 11},
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (headers_get(h, names[i], 0).data != NULL ||
		    headers_has_token(h, HEADER_TRAILER, names[i]))
			return true;
	return may_have_directive(h, STR("no-transform")) || !has_usable_etag(h) ||
	       (h->repeated_ids >> HEADER_CONTENT_TYPE & 1) != 0;
}

static bool
is_long_enough(const struct response_head *response)
{
	return response->body == BODY_STREAM || !response->has_length ||
	       response->length > CONTENT_CODING_LENGTH_MIN;
}

bool
content_coding_is_eligible(const struct request_head *request, const struct response_head *response,
			   struct str types)
{
	const struct headers *h = &response->headers;

	return response->status == 200 && is_long_enough(response) &&
	       (request->is_head || str_equal(request->method, STR("GET"))) &&
	       has_eligible_type(request, h, types) && !forbids_coding(h) &&
	       !may_have_directive(&request->headers, STR("no-transform")) &&
	       headers_get(&request->headers, STR("range"), 0).data == NULL;
}

/* Parses up to three digits after "0." or "1.". */
static bool
parse_fraction(struct str digits, unsigned *thousandths)
{
	unsigned value = 0;
	unsigned weight = 100;

	if (digits.len > 3)
		return false;
	for (size_t i = 0; i < digits.len; i++, weight /= 10) {
		if (digits.data[i] < '0' || digits.data[i] > '9')
			return false;
		value += (unsigned)(digits.data[i] - '0') * weight;
	}
	*thousandths = value;
	return true;
}

/* Returns the weight in thousandths; 0, which refuses the coding, if it is malformed. */
static unsigned
parse_qvalue(struct str s)
{
	unsigned fraction = 0;

	if (s.len == 0 || (s.data[0] != '0' && s.data[0] != '1') ||
	    (s.len > 1 && (s.data[1] != '.' || !parse_fraction(str_skip(s, 2), &fraction))))
		return 0;
	if (s.data[0] == '1')
		return fraction == 0 ? QVALUE_ONE : 0;
	return fraction;
}

static unsigned
weight_of(struct str parameters)
{
	struct str parameter;

	while (str_next(&parameters, ';', &parameter)) {
		parameter = str_trim(parameter);
		if (str_starts_with_nocase(parameter, STR("q=")))
			return parse_qvalue(str_skip(parameter, 2));
	}
	return QVALUE_ONE;
}

struct preferences {
	unsigned gzip;
	unsigned zstd;
	unsigned any;
	unsigned identity; /* 0 unless it is named */
	bool names_gzip;
	bool names_zstd;
};

static void
note_element(struct preferences *p, struct str element)
{
	size_t semicolon = str_find_byte(element, ';');
	struct str coding = str_trim(str_take(element, semicolon));
	unsigned weight =
		semicolon == SIZE_MAX ? QVALUE_ONE : weight_of(str_skip(element, semicolon + 1));

	if (str_equal_nocase(coding, STR("zstd"))) {
		p->zstd = weight;
		p->names_zstd = true;
	} else if (str_equal_nocase(coding, STR("gzip")) ||
		   str_equal_nocase(coding, STR("x-gzip"))) {
		p->gzip = weight;
		p->names_gzip = true;
	} else if (str_equal_nocase(coding, STR("identity"))) {
		p->identity = weight;
	} else if (str_equal(coding, STR("*"))) {
		p->any = weight;
	}
}

enum content_coding
content_coding_choose(const struct headers *request)
{
	struct preferences p = {0};
	struct str value;
	struct str element;
	size_t elements = 0;

	for (size_t i = 0; (value = headers_get(request, STR("accept-encoding"), i)).data; i++)
		while (str_next(&value, ',', &element)) {
			if (elements++ == ACCEPT_ELEMENTS_MAX)
				return CONTENT_CODING_IDENTITY;
			note_element(&p, element);
		}
	/* "*" selects gzip only, because clients that send it may not support zstd. */
	if (!p.names_gzip)
		p.gzip = p.any;
	if (p.names_zstd && p.zstd > 0 && p.zstd >= p.gzip && p.zstd >= p.identity)
		return CONTENT_CODING_ZSTD;
	return p.gzip > 0 && p.gzip >= p.identity ? CONTENT_CODING_GZIP : CONTENT_CODING_IDENTITY;
}

void
content_coding_add_vary(struct headers *response)
{
	struct str value;
	struct str part;

	for (size_t i = 0; (value = headers_get(response, STR("vary"), i)).data != NULL; i++)
		while (str_next(&value, ',', &part)) {
			part = str_trim(part);
			if (str_equal(part, STR("*")) ||
			    str_equal_nocase(part, STR("accept-encoding")))
				return;
		}
	headers_add_own(response, STR("Vary"), STR("Accept-Encoding"));
}

/* Whether If-None-Match has the weak form of this ETag, and not the strong one. */
static bool
holds_weak_form(const struct headers *request, struct str etag)
{
	struct str value;
	bool holds = false;

	for (size_t i = 0; (value = headers_get(request, STR("if-none-match"), i)).data; i++) {
		size_t at = 0;
		size_t found;

		while ((found = str_find(str_skip(value, at), etag)) != SIZE_MAX) {
			if (!str_ends_with(str_take(value, at + found), STR("W/")))
				return false;
			holds = true;
			at += found + etag.len;
		}
	}
	return holds;
}

static struct str
weaken(struct str etag, struct arena *a)
{
	return str_from(arena_printf(a, "W/%.*s", STR_FMT(etag)));
}

static void
set_etag(struct headers *h, struct str etag)
{
	for (size_t i = 0; i < h->count; i++)
		if (str_equal_nocase(h->items[i].name, STR("etag")))
			h->items[i].value = etag;
}

void
content_coding_revalidate(const struct request_head *request, struct response_head *response,
			  struct arena *a)
{
	struct headers *h = &response->headers;
	struct str etag = headers_get(h, STR("etag"), 0);

	if (response->status != 304 || !has_usable_etag(h) || !is_strong_etag(etag) ||
	    !holds_weak_form(&request->headers, etag))
		return;
	struct str weak = weaken(etag, a);
	if (weak.data == NULL)
		return;
	set_etag(h, weak);
	content_coding_add_vary(h);
}

bool
content_coding_apply(struct response_head *response, enum content_coding coding, struct arena *a)
{
	struct headers *h = &response->headers;
	struct str etag = headers_get(h, STR("etag"), 0);
	struct str weak = etag;
	size_t kept = 0;

	if (etag.len > 0 && !str_starts_with(etag, STR("W/"))) {
		weak = weaken(etag, a);
		if (weak.data == NULL)
			return false;
	}
	for (size_t i = 0; i < h->count; i++)
		if (!str_equal_nocase(h->items[i].name, STR("accept-ranges")))
			h->items[kept++] = h->items[i];
	h->count = kept;
	set_etag(h, weak);
	headers_add_own(h, STR("Content-Encoding"),
			coding == CONTENT_CODING_ZSTD ? STR("zstd") : STR("gzip"));
	if (response->body == BODY_LENGTH)
		response->body = BODY_STREAM;
	response->has_length = false;
	response->length = 0;
	return true;
}
