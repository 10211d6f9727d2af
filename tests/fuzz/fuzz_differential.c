/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two parsers, one meaning: what we accept as a head, http-parser (Debian's libhttp-parser-dev, the
 * parser that Node.js had) reads the same way: method, target, version, status, every field, the
 * body's framing, whether the connection stays, whether it is upgraded. The input is one head,
 * behind a byte that says whether a response answers HEAD.
 *
 * Where the two differ, all of it on purpose, is listed at may_refuse and beside each comparison.
 */
#include <ctype.h>
#include <http_parser.h>

#include "base/url.h"
#include "proxy/http/http1.h"
#include "tests/fuzz/fuzz.h"

#define FIELDS_MAX 64u
#define TEXT_MAX   8192u

const char *const fuzz_also[] = {"fuzz_request_head", "fuzz_response_head", "fuzz_forward", NULL};

static const struct http1_limits limits = {.head_max_bytes = TEXT_MAX, .headers_max = FIELDS_MAX};

/* What http-parser told. Each of its callbacks may come in pieces. */
struct theirs {
	http_parser parser;
	struct buf url;
	struct buf text; /* names and values, one after the other */
	struct span {
		size_t at, len;
	} names[FIELDS_MAX + 1], values[FIELDS_MAX + 1];
	size_t count;
	bool in_value;
	bool is_whole;
	bool skips_body;
	uint64_t length;
};

static struct theirs *
of(http_parser *parser)
{
	return parser->data;
}

static int
on_url(http_parser *parser, const char *data, size_t len)
{
	buf_add(&of(parser)->url, data, len);
	return 0;
}

static int
on_field(http_parser *parser, const char *data, size_t len)
{
	struct theirs *t = of(parser);

	if (t->in_value || t->count == 0) {
		err_assert(t->count < FIELDS_MAX);
		t->names[t->count++] = (struct span){t->text.len, 0};
		t->in_value = false;
	}
	buf_add(&t->text, data, len);
	t->names[t->count - 1].len += len;
	t->values[t->count - 1] = (struct span){t->text.len, 0};
	return 0;
}

static int
on_value(http_parser *parser, const char *data, size_t len)
{
	struct theirs *t = of(parser);

	t->in_value = true;
	buf_add(&t->text, data, len);
	t->values[t->count - 1].len += len;
	return 0;
}

static int
on_headers_complete(http_parser *parser)
{
	struct theirs *t = of(parser);

	t->is_whole = true;
	t->length = parser->content_length;
	return t->skips_body ? 1 : 0;
}

static enum http_errno
let_them_parse(struct theirs *t, struct str head, enum http_parser_type type, bool to_head)
{
	static const http_parser_settings settings = {
		.on_url = on_url,
		.on_header_field = on_field,
		.on_header_value = on_value,
		.on_headers_complete = on_headers_complete,
	};

	*t = (struct theirs){.skips_body = to_head};
	buf_init(&t->url, TEXT_MAX);
	buf_init(&t->text, TEXT_MAX);
	http_parser_init(&t->parser, type);
	t->parser.data = t;
	(void)http_parser_execute(&t->parser, &settings, head.data, head.len);
	return HTTP_PARSER_ERRNO(&t->parser);
}

static void
theirs_fini(struct theirs *t)
{
	buf_fini(&t->url);
	buf_fini(&t->text);
}

static bool
knows_method(struct str method)
{
#define METHOD_NAME(number, name, text) #text,
	static const char *const names[] = {HTTP_METHOD_MAP(METHOD_NAME)};
#undef METHOD_NAME

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (str_equal(method, str_from(names[i])))
			return true;
	return false;
}

/* We trim white space on both sides of a value (RFC 9110 section 5.5), they leave it at the end. */
static void
compare_fields(const struct theirs *t, const struct headers *h)
{
	err_assert(t->is_whole && t->count == h->count);
	for (size_t i = 0; i < h->count; i++) {
		struct str name = {t->text.data + t->names[i].at, t->names[i].len};
		struct str value = {t->text.data + t->values[i].at, t->values[i].len};
		err_assert(str_equal(name, h->items[i].name));
		err_assert(str_equal(str_trim(value), h->items[i].value));
	}
}

static bool
has_field(const struct headers *h, struct str lower_name)
{
	return headers_get(h, lower_name, 0).data != NULL;
}

/* In the head: a line's end follows every value. */
static bool
has_tab_behind(struct str value)
{
	const char *at = value.data + value.len;

	while (*at == ' ')
		at++;
	return *at == '\t';
}

/* They take a name that only begins with "Transfer-Encoding" for that one, and see no "chunked"
 * that a tab follows (white space may be tabs, RFC 9110 section 5.6.3). */
static bool
has_odd_coding(const struct headers *h)
{
	for (size_t i = 0; i < h->count; i++) {
		bool is_coding = h->items[i].id == HEADER_TRANSFER_ENCODING;
		if (is_coding ? has_tab_behind(h->items[i].value)
			      : str_starts_with_nocase(h->items[i].name, STR("transfer-encoding")))
			return true;
	}
	return false;
}

/* Empty, no token, or the beginning of one that they look for; or with '_' in front, of which their
 * lower case is DEL. */
static bool
is_odd_element(struct str part)
{
	static const char *const known[] = {"keep-alive", "close", "upgrade"};

	if (str_starts_with(part, STR("_")))
		return true;
	for (size_t at = 0; at < part.len; at++)
		if (strchr("!#$%&'*+-.^_`|~", part.data[at]) == NULL &&
		    !isalnum((unsigned char)part.data[at]))
			return true;
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (part.len < strlen(known[i]) && str_starts_with_nocase(str_from(known[i]), part))
			return true;
	return false;
}

/*
 * They see no element of Connection behind an empty one (lists may have those, RFC 9110
 * section 5.6.1.2), behind one that is no token, begins with '_' or is the beginning of a known
 * one, nor one beside a tab.
 */
static bool
has_odd_element(const struct headers *h)
{
	struct str part;

	for (size_t i = 0; i < h->count; i++) {
		struct str rest = h->items[i].value;
		while (h->items[i].id == HEADER_CONNECTION && str_next(&rest, ',', &part)) {
			bool has_tab = memchr(part.data, '\t', part.len) != NULL;
			part = str_trim(part);
			if (has_tab || has_tab_behind(part) || is_odd_element(part))
				return true;
		}
	}
	return false;
}

/*
 * They close only where "close" stands and "keep-alive" does not (in HTTP/1.0, the other way
 * round); for us "close" wins (RFC 9112 section 9.3). They take Proxy-Connection, which no RFC has,
 * for Connection.
 */
static void
compare_persistence(const struct theirs *t, const struct headers *h,
		    const struct http1_persistence *p)
{
	bool both = headers_has_token(h, HEADER_CONNECTION, STR("close")) &&
		    headers_has_token(h, HEADER_CONNECTION, STR("keep-alive"));

	if (!both && !has_field(h, STR("proxy-connection")) && !has_odd_element(h))
		err_assert((http_should_keep_alive(&t->parser) != 0) == p->keep_alive);
	err_assert((t->parser.http_minor == 0) == p->is_http10 && t->parser.http_major == 1);
}

static struct str
part_of_url(const struct theirs *t, const struct http_parser_url *url,
	    enum http_parser_url_fields f)
{
	if ((url->field_set & (1u << f)) == 0)
		return STR_NONE;
	return (struct str){t->url.data + url->field_data[f].off, url->field_data[f].len};
}

/* An absolute form's authority replaces Host, and its path becomes the target, for us. */
static void
compare_target(const struct theirs *t, const struct request_head *r)
{
	struct str raw = buf_view(&t->url);
	struct http_parser_url url;
	struct str name;
	uint16_t port;

	if (raw.data[0] == '/' || raw.data[0] == '*') {
		err_assert(str_equal(raw, r->target));
		return;
	}
	http_parser_url_init(&url);
	err_assert(http_parser_parse_url(raw.data, raw.len, 0, &url) == 0);
	struct str path = part_of_url(t, &url, UF_PATH);
	err_assert(str_equal(path, r->path) || (path.len == 0 && (str_equal(r->path, STR("/")) ||
								  str_equal(r->path, STR("*")))));
	err_assert(str_equal(part_of_url(t, &url, UF_QUERY), r->query));
	err_assert(url_split_authority(r->authority, &name, &port));
	struct str host = part_of_url(t, &url, UF_HOST);
	if (name.len > 0 && name.data[0] == '[')
		name = str_take(str_skip(name, 1), name.len - 2);
	if (r->has_dot) {
		err_assert(str_ends_with(host, STR(".")));
		host.len--;
	}
	err_assert(str_equal(host, name));
	if ((url.field_set & (1u << UF_PORT)) != 0)
		err_assert(url.port == port);
}

static void
compare_request(struct theirs *t, const struct request_head *r, const struct http1_persistence *p)
{
	bool is_chunked = (t->parser.flags & F_CHUNKED) != 0;

	err_assert(str_equal(str_from(http_method_str(t->parser.method)), r->method));
	compare_target(t, r);
	compare_fields(t, &r->headers);
	if (has_odd_coding(&r->headers))
		return;
	compare_persistence(t, &r->headers, p);
	err_assert(is_chunked == (r->body == BODY_STREAM));
	if (!is_chunked)
		err_assert((t->length == UINT64_MAX ? 0 : t->length) == r->length);
	/* We follow an upgrade to WebSocket only, and only where it is well formed. */
	err_assert(!r->wants_websocket || t->parser.upgrade || has_odd_element(&r->headers));
}

static void
compare_response(const struct theirs *t, const struct response_head *r,
		 const struct http1_persistence *p)
{
	bool is_chunked = (t->parser.flags & F_CHUNKED) != 0;

	err_assert(t->parser.status_code == r->status);
	compare_fields(t, &r->headers);
	if (has_odd_coding(&r->headers))
		return;
	compare_persistence(t, &r->headers, p);
	if (r->body == BODY_STREAM)
		err_assert(is_chunked == (p->framing == HTTP1_FRAMING_CHUNKED));
	if (r->body == BODY_LENGTH)
		err_assert(t->length == r->length);
	if (p->framing == HTTP1_FRAMING_CLOSE)
		err_assert(!is_chunked && t->length == UINT64_MAX);
	err_assert(r->upgrade.len == 0 || t->parser.upgrade || has_odd_element(&r->headers));
}

/*
 * Whether they may refuse what we accept. Methods are an open set (RFC 9110 section 9.1), of which
 * they have a list; and they take a name that only begins with "Transfer-Encoding" for that one,
 * and white space behind a length may be no tab for them.
 */
static bool
may_refuse(enum http_errno error, const struct headers *h, struct str method)
{
	struct str length;

	if (error == HPE_INVALID_METHOD)
		return !knows_method(method);
	if (error == HPE_INVALID_CONTENT_LENGTH &&
	    headers_find(h, HEADER_CONTENT_LENGTH, &length) == 1)
		return has_tab_behind(length);
	return (error == HPE_UNEXPECTED_CONTENT_LENGTH || error == HPE_INVALID_TRANSFER_ENCODING) &&
	       has_odd_coding(h);
}

static void
compare(struct str head, const struct http1_scan *scan, bool to_head)
{
	bool is_response = str_starts_with(head, STR("HTTP/"));
	struct http1_persistence p;
	struct response_head response;
	struct request_head request;
	struct theirs *t = malloc(sizeof(*t));
	struct arena arena;
	struct err e = ERR_INIT;
	unsigned status;

	err_assert(t != NULL);
	arena_init(&arena, 1 << 20);
	bool ok = is_response ? http1_parse_response(head, scan, to_head, &response, &p, &arena, &e)
			      : http1_parse_request(head, scan, &request, &p, &arena, &status, &e);
	if (ok) {
		enum http_errno error =
			let_them_parse(t, head, is_response ? HTTP_RESPONSE : HTTP_REQUEST,
				       is_response && to_head);
		if (error != HPE_OK)
			err_assert(may_refuse(error,
					      is_response ? &response.headers : &request.headers,
					      is_response ? STR_NONE : request.method));
		else if (is_response)
			compare_response(t, &response, &p);
		else
			compare_request(t, &request, &p);
		theirs_fini(t);
	}
	arena_fini(&arena);
	free(t);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str input = fuzz_input(data, size);
	bool to_head = (fuzz_take_byte(&input) & 1) != 0;
	struct http1_scan scan = {0};
	unsigned status;

	if (http1_scan_head(&scan, input, &limits, &status) != HTTP1_COMPLETE)
		return 0;
	char *head = fuzz_copy(str_take(input, scan.at));
	compare((struct str){head, scan.at}, &scan, to_head);
	free(head);
	return 0;
}
