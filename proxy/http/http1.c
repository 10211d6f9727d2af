/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Parses request and response heads, and decides their framing and persistence.
 */
#include "proxy/http/http1.h"

#include "proxy/http/field_list.h"
#include "proxy/http/request_parts.h"
#include "proxy/http/trailers.h"
#include "proxy/http/upgrade.h"

#define CONNECTION_MAX_BYTES 512u /* all Connection fields together */
#define SPARE_FIELDS	     12u  /* room for fields that the proxy adds to a response */
#define EMPTY_LINES_MAX	     1u	  /* before a request line: RFC 9112 section 2.2 */

/* Applies to incomplete lines as well: the result must not depend on how the bytes were split. */
static bool
is_line_too_long(const struct http1_scan *scan, size_t end, const struct http1_limits *limits)
{
	return limits->line_max_bytes > 0 && scan->lines == 0 && end > scan->line_start &&
	       end - scan->line_start > limits->line_max_bytes + 1;
}

/* Detects by the first byte that the peer does not send HTTP/1.1, but for example TLS. */
static bool
is_bad_start(const struct http1_scan *scan, struct str data)
{
	unsigned char first = (unsigned char)data.data[scan->line_start];

	return first != '\r' && !header_is_token_char(first);
}

/* Lines end with CRLF. Rejects a bare LF; the parser rejects bare CR and NUL. */
enum http1_found
http1_scan_head(struct http1_scan *scan, struct str data, const struct http1_limits *limits,
		unsigned *status)
{
	size_t end = data.len < limits->head_max_bytes ? data.len : limits->head_max_bytes;

	while (scan->at < end) {
		if (scan->lines == 0 && is_bad_start(scan, data)) {
			*status = 400;
			return HTTP1_BAD;
		}
		const char *lf = memchr(data.data + scan->at, '\n', end - scan->at);
		size_t line_end = lf == NULL ? end : (size_t)(lf - data.data);
		if (is_line_too_long(scan, line_end, limits)) {
			*status = 414;
			return HTTP1_BAD;
		}
		if (lf == NULL) {
			scan->at = end;
			break;
		}
		if (line_end == scan->line_start || data.data[line_end - 1] != '\r') {
			*status = 400;
			return HTTP1_BAD;
		}
		bool is_empty = line_end == scan->line_start + 1;
		scan->at = scan->line_start = line_end + 1;
		if (is_empty && scan->lines > 0)
			return HTTP1_COMPLETE;
		if (is_empty && scan->at > 2 * EMPTY_LINES_MAX) {
			*status = 400;
			return HTTP1_BAD;
		}
		scan->lines += !is_empty;
		if (scan->lines > limits->headers_max + 1) {
			*status = 431;
			return HTTP1_BAD;
		}
	}
	if (data.len < limits->head_max_bytes)
		return HTTP1_MORE;
	*status = scan->lines == 0 ? 414 : 431;
	return HTTP1_BAD;
}

/* Removes the next line from a scanned head, and returns it without CRLF. */
static struct str
next_line(struct str *rest)
{
	size_t lf = str_find_byte(*rest, '\n');
	err_assert(lf != SIZE_MAX && lf > 0);
	struct str line = str_take(*rest, lf - 1);
	*rest = str_skip(*rest, lf + 1);
	return line;
}

static bool
set_field_error(struct str rest, struct err *e)
{
	struct str line = next_line(&rest);
	size_t name_len = field_token_run(line);
	size_t colon = str_find_byte(line, ':');

	if (colon == SIZE_MAX)
		return err_set(e, ERR_INPUT, "a header line has no colon");
	if (name_len == 0 || name_len != colon)
		return err_set(e, ERR_INPUT, "a header name is empty or not a token");
	return err_set(e, ERR_INPUT, "a header value has control characters");
}

/* Removes the next field from a scanned head, and adds it to the list. The value ends at CR or at
 * an invalid control character. */
static bool
parse_field(struct str *rest, struct headers *headers, struct err *e)
{
	struct str name = str_take(*rest, field_token_run(*rest));
	struct str after = str_skip(*rest, name.len + 1);
	struct str value = str_take(after, field_value_run(after));

	err_assert(rest->len > name.len);
	if (name.len == 0 || rest->data[name.len] != ':' ||
	    !str_starts_with(str_skip(after, value.len), STR("\r\n")))
		return set_field_error(*rest, e);
	*rest = str_skip(after, value.len + 2);
	if (str_starts_with(value, STR(" ")))
		value = str_skip(value, 1);
	if (!headers_add(headers, name, str_trim(value)))
		return err_set(e, ERR_LIMIT, "too many header lines");
	return true;
}

static bool
parse_fields(struct str rest, struct headers *headers, struct err *e)
{
	while (!str_starts_with(rest, STR("\r\n")))
		if (!parse_field(&rest, headers, e))
			return false;
	return true;
}

struct framing_fields {
	bool has_length;
	uint64_t length;
	bool is_chunked;
};

/* Bounds the cost of comparing every option of Connection with every field. */
static bool
check_connection(const struct headers *headers, struct err *e)
{
	size_t bytes = 0;

	for (size_t i = 0; i < headers->count; i++)
		if (headers->items[i].id == HEADER_CONNECTION)
			bytes += headers->items[i].value.len;
	if (bytes > CONNECTION_MAX_BYTES)
		return err_set(e, ERR_LIMIT, "Connection is longer than %u bytes",
			       CONNECTION_MAX_BYTES);
	return true;
}

/* RFC 9112 section 6.3. Where it leaves a choice, ambiguous messages are rejected. */
static bool
parse_framing(const struct headers *headers, bool is_http10, struct framing_fields *f,
	      struct err *e)
{
	struct str length;
	struct str coding;
	size_t lengths = headers_find(headers, HEADER_CONTENT_LENGTH, &length);
	size_t codings = headers_find(headers, HEADER_TRANSFER_ENCODING, &coding);

	*f = (struct framing_fields){.has_length = lengths > 0, .is_chunked = codings > 0};
	for (size_t i = 0; i < headers->count; i++) {
		enum header_id id = headers->items[i].id;
		if ((id == HEADER_CONTENT_LENGTH || id == HEADER_TRANSFER_ENCODING) &&
		    !header_has_registered_name(&headers->items[i]))
			return err_set(e, ERR_INPUT, "a framing header is spelled with '_'");
	}
	if (lengths > 1)
		return err_set(e, ERR_INPUT, "Content-Length is repeated");
	if (lengths > 0 && codings > 0)
		return err_set(e, ERR_INPUT, "Content-Length and Transfer-Encoding together");
	if (lengths > 0 && !request_is_length(length, &f->length))
		return err_set(e, ERR_INPUT, "Content-Length is not a decimal number in range");
	if (codings > 1 || (codings == 1 && !str_equal_nocase(coding, STR("chunked"))))
		return err_set(e, ERR_INPUT, "Transfer-Encoding is not exactly chunked");
	if (codings > 0 && is_http10)
		return err_set(e, ERR_INPUT, "Transfer-Encoding in HTTP/1.0");
	return check_connection(headers, e);
}

/* "HTTP/1.x"; *status 505 for another major version. */
static bool
parse_version(struct str version, bool *is_http10, unsigned *status, struct err *e)
{
	*status = 400;
	if (version.len != 8 || !str_starts_with(version, STR("HTTP/")) || version.data[6] != '.')
		return err_set(e, ERR_INPUT, "the version is malformed");
	char major = version.data[5];
	char minor = version.data[7];
	if (major < '0' || major > '9' || minor < '0' || minor > '9')
		return err_set(e, ERR_INPUT, "the version is malformed");
	if (major != '1') {
		*status = 505;
		return err_set(e, ERR_INPUT, "HTTP version %c.%c is not supported", major, minor);
	}
	*is_http10 = minor == '0';
	return true;
}

/* RFC 9112 section 3.2.2: the authority of an absolute-form target replaces Host. */
static bool
parse_absolute_form(struct str target, struct request_head *r, struct arena *a, struct err *e)
{
	size_t scheme = str_starts_with_nocase(target, STR("http://"))	  ? 7
			: str_starts_with_nocase(target, STR("https://")) ? 8
									  : 0;
	if (scheme == 0)
		return err_set(e, ERR_INPUT, "the request target has no supported form");

	struct str rest = str_skip(target, scheme);
	size_t slash = 0;
	while (slash < rest.len && rest.data[slash] != '/' && rest.data[slash] != '?')
		slash++;
	r->authority = str_take(rest, slash);
	r->target = str_skip(rest, slash);
	if (r->target.len > 0 && r->target.data[0] == '/')
		return true;
	/* RFC 9112 section 3.2.4: asterisk-form of OPTIONS without a path. */
	if (r->target.len == 0) {
		r->target = str_equal(r->method, STR("OPTIONS")) ? STR("*") : STR("/");
		return true;
	}
	char *with_slash = arena_printf(a, "/%.*s", STR_FMT(r->target));
	if (with_slash == NULL)
		return err_set(e, ERR_MEMORY, "out of memory for a request target");
	r->target = str_from(with_slash);
	return true;
}

static bool
parse_target(struct str target, struct request_head *r, struct arena *a, struct err *e)
{
	if (!request_is_target(target))
		return err_set(e, ERR_INPUT,
			       "the request target is empty or has forbidden characters");
	r->target = target;
	if (target.data[0] != '/' && !str_equal(target, STR("*")) &&
	    !parse_absolute_form(target, r, a, e))
		return false;
	if (str_equal(target, STR("*")) && !str_equal(r->method, STR("OPTIONS")))
		return err_set(e, ERR_INPUT, "the target * is only allowed with OPTIONS");
	request_split_target(r);
	return true;
}

static bool
parse_request_line(struct str line, struct request_head *r, bool *is_http10, struct arena *a,
		   unsigned *status, struct err *e)
{
	size_t first = str_find_byte(line, ' ');
	if (first == SIZE_MAX || !request_is_method(str_take(line, first)))
		return err_set(e, ERR_INPUT, "the method is malformed");
	r->method = str_take(line, first);

	struct str rest = str_skip(line, first + 1);
	size_t second = str_find_byte(rest, ' ');
	if (second == SIZE_MAX)
		return err_set(e, ERR_INPUT, "the request line has no version");
	if (!parse_version(str_skip(rest, second + 1), is_http10, status, e))
		return false;
	if (str_equal(r->method, STR("CONNECT"))) {
		*status = 501;
		return err_set(e, ERR_INPUT, "CONNECT is not supported");
	}
	r->is_head = str_equal(r->method, STR("HEAD"));
	return parse_target(str_take(rest, second), r, a, e);
}

/* Checks those requirements of RFC 6455 section 4.1 that matter to a proxy. */
static bool
is_websocket_handshake(const struct request_head *r, bool is_http10)
{
	struct str upgrade;
	struct str key;
	struct str version;

	return !is_http10 && str_equal(r->method, STR("GET")) && r->body == BODY_NONE &&
	       headers_find(&r->headers, HEADER_UPGRADE, &upgrade) == 1 &&
	       str_equal_nocase(upgrade, UPGRADE_WEBSOCKET) &&
	       headers_has_token(&r->headers, HEADER_CONNECTION, STR("upgrade")) &&
	       headers_find(&r->headers, HEADER_SEC_WEBSOCKET_KEY, &key) == 1 &&
	       headers_find(&r->headers, HEADER_SEC_WEBSOCKET_VERSION, &version) == 1;
}

/* RFC 9112 section 9.3. */
static bool
says_keep_alive(const struct headers *headers, bool is_http10)
{
	if (!headers_has(headers, HEADER_CONNECTION))
		return !is_http10;
	if (headers_has_token(headers, HEADER_CONNECTION, STR("close")))
		return false;
	return !is_http10 || headers_has_token(headers, HEADER_CONNECTION, STR("keep-alive"));
}

/* RFC 9110 section 10.1.1: expectations of HTTP/1.0 clients are ignored and not forwarded. */
static void
drop_expectations(struct headers *h)
{
	for (size_t i = 0; i < h->count; i++)
		if (h->items[i].id == HEADER_EXPECT)
			headers_mark_hop_by_hop(h, i);
}

bool
http1_parse_request(struct str head, const struct http1_scan *scan, struct request_head *r,
		    struct http1_persistence *p, struct arena *a, unsigned *status, struct err *e)
{
	struct framing_fields framing;

	*status = 400;
	*r = (struct request_head){.body = BODY_NONE};
	*p = (struct http1_persistence){.framing = HTTP1_FRAMING_NONE};
	while (str_starts_with(head, STR("\r\n")))
		head = str_skip(head, 2);
	if (!headers_init(&r->headers, scan->lines - 1, a)) {
		*status = 500;
		return err_set(e, ERR_MEMORY, "out of memory for a request head");
	}
	if (!parse_request_line(next_line(&head), r, &p->is_http10, a, status, e)) {
		if (e->code == ERR_MEMORY)
			*status = 500;
		return false;
	}
	*status = 400;
	if (!parse_fields(head, &r->headers, e) || !request_check_host(r, a, e) ||
	    !parse_framing(&r->headers, p->is_http10, &framing, e) ||
	    !field_list_check(&r->headers, true, e) || !field_list_check_single(&r->headers, e))
		return false;

	if (framing.is_chunked) {
		r->body = BODY_STREAM;
		p->framing = HTTP1_FRAMING_CHUNKED;
	} else if (framing.length > 0) {
		r->body = BODY_LENGTH;
		p->framing = HTTP1_FRAMING_LENGTH;
		r->length = framing.length;
	}
	if (p->is_http10)
		drop_expectations(&r->headers);
	p->keep_alive = says_keep_alive(&r->headers, p->is_http10);
	r->half_close_is_end = !p->keep_alive;
	r->accepts_trailers = trailers_are_accepted(r, p->is_http10);
	r->wants_websocket = is_websocket_handshake(r, p->is_http10);
	if (r->wants_websocket)
		r->upgrade = UPGRADE_WEBSOCKET;
	else if (!p->is_http10)
		r->upgrade_offer = upgrade_find(&r->headers);
	return true;
}

static bool
parse_status_line(struct str line, struct response_head *r, bool *is_http10, struct err *e)
{
	unsigned unused;
	uint64_t status;

	if (line.len < 12 || line.data[8] != ' ' || (line.len > 12 && line.data[12] != ' ') ||
	    !parse_version(str_take(line, 8), is_http10, &unused, e) ||
	    !str_to_u64(str_take(str_skip(line, 9), 3), 100, 599, &status) ||
	    field_value_run(str_skip(line, 12)) < line.len - 12)
		return err_set(e, ERR_PROTOCOL, "the status line is malformed");
	r->status = (unsigned)status;
	return true;
}

static bool
has_no_body(unsigned status, bool to_head)
{
	return to_head || status < 200 || status == 204 || status == 304;
}

/* RFC 9112 section 6.3, for responses. */
static void
set_response_framing(const struct framing_fields *f, bool to_head, struct response_head *r,
		     struct http1_persistence *p)
{
	r->has_length = f->has_length && r->status >= 200 && r->status != 204;
	r->length = f->length;
	if (has_no_body(r->status, to_head)) {
		r->body = BODY_NONE;
		p->framing = HTTP1_FRAMING_NONE;
	} else if (f->is_chunked) {
		r->body = BODY_STREAM;
		p->framing = HTTP1_FRAMING_CHUNKED;
	} else if (f->has_length) {
		r->body = f->length > 0 ? BODY_LENGTH : BODY_NONE;
		p->framing = f->length > 0 ? HTTP1_FRAMING_LENGTH : HTTP1_FRAMING_NONE;
	} else {
		r->body = BODY_STREAM;
		p->framing = HTTP1_FRAMING_CLOSE;
		p->keep_alive = false;
	}
}

bool
http1_parse_response(struct str head, const struct http1_scan *scan, bool to_head,
		     struct response_head *r, struct http1_persistence *p, struct arena *a,
		     struct err *e)
{
	struct framing_fields framing;

	*r = (struct response_head){.body = BODY_NONE};
	*p = (struct http1_persistence){.framing = HTTP1_FRAMING_NONE};
	if (!headers_init(&r->headers, scan->lines - 1 + SPARE_FIELDS, a))
		return err_set(e, ERR_MEMORY, "out of memory for a response head");
	if (str_starts_with(head, STR("\r\n")))
		return err_set(e, ERR_PROTOCOL, "an empty line before the status line");
	if (!parse_status_line(next_line(&head), r, &p->is_http10, e))
		return false;
	if (!parse_fields(head, &r->headers, e) ||
	    !parse_framing(&r->headers, p->is_http10, &framing, e) ||
	    !field_list_check(&r->headers, false, e)) {
		e->code = ERR_PROTOCOL;
		return false;
	}
	p->keep_alive = says_keep_alive(&r->headers, p->is_http10);
	set_response_framing(&framing, to_head, r, p);
	if (r->status == 101)
		r->upgrade = upgrade_find(&r->headers);
	return true;
}
