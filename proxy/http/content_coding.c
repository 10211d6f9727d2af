/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Compression of responses, as far as heads are concerned: eligibility, negotiation, and the fields
 * that change.
 */
#include "proxy/http/content_coding.h"

/* Elements of Accept-Encoding that are looked at; browsers send five. */
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

static bool
is_type_character(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       (c != '\0' && strchr("!#$&-^_.+", c) != NULL);
}

static bool
is_type_name(struct str name)
{
	for (size_t i = 0; i < name.len; i++)
		if (!is_type_character(name.data[i]))
			return false;
	return name.len > 0;
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

static bool
has_directive(const struct headers *h, struct str directive)
{
	struct str value;
	struct str part;

	for (size_t i = 0; !str_is_empty(value = headers_get(h, STR("cache-control"), i)); i++)
		while (str_next(&value, ',', &part))
			if (str_equal_nocase(str_trim(part), directive))
				return true;
	return false;
}

/* HTML and JSON carry what is personal, but for source maps, which are code as JSON. */
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
	       (is_safe_when_public(type) && has_directive(h, STR("public")));
}

/* Fields that describe the bytes as they are (RFC 9530, RFC 1864), in the head or announced as
 * trailers, or that say no; and more values than one of what has one. */
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
	return has_directive(h, STR("no-transform")) ||
	       headers_get(h, STR("etag"), 1).data != NULL ||
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
	       headers_get(&request->headers, STR("range"), 0).data == NULL;
}

/* Digits after "0." or "1.", up to three; false for anything else. */
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

/* A weight in thousandths; 0, which refuses the coding, where it is malformed. */
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
		while (elements < ACCEPT_ELEMENTS_MAX && str_next(&value, ',', &element)) {
			note_element(&p, element);
			elements++;
		}
	/* "*" means gzip: whoever sends it need not know zstd. */
	if (!p.names_gzip)
		p.gzip = p.any;
	if (p.names_zstd && p.zstd > 0 && p.zstd >= p.gzip)
		return CONTENT_CODING_ZSTD;
	return p.gzip > 0 ? CONTENT_CODING_GZIP : CONTENT_CODING_IDENTITY;
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

static bool
is_named(const struct header *field, struct str lower_name)
{
	return str_equal_nocase(field->name, lower_name);
}

bool
content_coding_apply(struct response_head *response, enum content_coding coding, struct arena *a)
{
	struct headers *h = &response->headers;
	struct str etag = headers_get(h, STR("etag"), 0);
	struct str weak = etag;
	size_t kept = 0;

	if (etag.len > 0 && !str_starts_with(etag, STR("W/"))) {
		weak = str_from(arena_printf(a, "W/%.*s", STR_FMT(etag)));
		if (weak.data == NULL)
			return false;
	}
	for (size_t i = 0; i < h->count; i++) {
		if (is_named(&h->items[i], STR("accept-ranges")))
			continue;
		if (is_named(&h->items[i], STR("etag")))
			h->items[i].value = weak;
		h->items[kept++] = h->items[i];
	}
	h->count = kept;
	headers_add_own(h, STR("Content-Encoding"),
			coding == CONTENT_CODING_ZSTD ? STR("zstd") : STR("gzip"));
	if (response->body == BODY_LENGTH)
		response->body = BODY_STREAM;
	response->has_length = false;
	response->length = 0;
	return true;
}
