/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Copies fields into an arena one by one, and makes a list of them when their number is known.
 */
#include "proxy/http/http2/http2_request.h"

#include <stdlib.h>

#include "base/crypto/crypto.h"
#include "proxy/http/field_list.h"
#include "proxy/http/request_parts.h"
#include "proxy/http/trailers.h"
#include "proxy/http/upgrade.h"

#define ITEMS_FIRST	  32u
#define OWN_FIELDS	  3u	/* Host, Cookie, Sec-WebSocket-Key */
#define ARENA_SPARE_BYTES 8192u /* for strings of an exchange besides the head */
#define VERSION_BYTES	  9u	/* " HTTP/1.1" */
#define KEY_BYTES	  16u

struct http2_name_value {
	struct str name;
	struct str value;
};

void
http2_fields_begin(struct http2_fields *f, const struct http2_request_limits *limits)
{
	struct http2_name_value *items = f->items;
	size_t size = f->size;

	arena_fini(&f->arena);
	buf_wipe_fini(&f->cookies);
	*f = (struct http2_fields){.limits = limits, .items = items, .size = size};
	arena_init(&f->arena, 2 * limits->large_head_max_bytes + ARENA_SPARE_BYTES);
	buf_init(&f->cookies, limits->large_head_max_bytes);
}

void
http2_fields_fini(struct http2_fields *f)
{
	arena_fini(&f->arena);
	buf_wipe_fini(&f->cookies);
	free(f->items);
	*f = (struct http2_fields){.limits = NULL};
}

static size_t
size_of(struct str name, struct str value)
{
	return name.len + value.len + HTTP2_FIELD_OVERHEAD;
}

bool
http2_fields_become_large(const struct http2_fields *f, struct str name, struct str value)
{
	size_t max = f->limits->head_max_bytes;

	return f->bytes <= max && f->bytes + size_of(name, value) > max;
}

static void
set_malformed(struct http2_fields *f, const char *reason)
{
	if (f->malformed == NULL)
		f->malformed = reason;
}

static void
set_status(struct http2_fields *f, unsigned status)
{
	if (f->status == 0)
		f->status = status;
}

static struct str
copy(struct http2_fields *f, struct str text)
{
	const char *data = arena_dup(&f->arena, text);

	if (data == NULL)
		set_status(f, 500);
	return (struct str){data, data == NULL ? 0 : text.len};
}

static void
add_pseudo(struct http2_fields *f, struct str name, struct str value)
{
	static const struct str names[HTTP2_PSEUDOS] = {
		[HTTP2_METHOD] = {":method", 7},	[HTTP2_SCHEME] = {":scheme", 7},
		[HTTP2_AUTHORITY] = {":authority", 10}, [HTTP2_PATH] = {":path", 5},
		[HTTP2_PROTOCOL] = {":protocol", 9},
	};

	for (size_t i = 0; i < HTTP2_PSEUDOS; i++) {
		if (!str_equal(name, names[i]))
			continue;
		if (f->count > 0 || f->cookies.len > 0)
			set_malformed(f, "a pseudo-header field follows other fields");
		else if (f->pseudo[i].data != NULL)
			set_malformed(f, "a pseudo-header field is repeated");
		else
			f->pseudo[i] = copy(f, value);
		return;
	}
	set_malformed(f, "an unknown pseudo-header field");
}

/* Joins Cookie fields into one (RFC 9113 section 8.2.3). */
static void
add_cookie(struct http2_fields *f, struct str value)
{
	if (value.len == 0)
		return;
	if (f->cookies.len > 0)
		buf_add_str(&f->cookies, STR("; "));
	buf_add_str(&f->cookies, value);
	if (!buf_is_ok(&f->cookies))
		set_status(f, 500);
}

static bool
has_room(struct http2_fields *f)
{
	if (f->count < f->size)
		return true;
	size_t size = f->size == 0 ? ITEMS_FIRST : 2 * f->size;
	struct http2_name_value *items = realloc(f->items, size * sizeof(*items));
	if (items == NULL)
		return false;
	f->items = items;
	f->size = size;
	return true;
}

static struct http2_name_value
copy_field(struct http2_fields *f, struct str name, struct str value)
{
	char *text = arena_dup_two(&f->arena, name, value);

	if (text == NULL) {
		set_status(f, 500);
		return (struct http2_name_value){STR_NONE, STR_NONE};
	}
	return (struct http2_name_value){{text, name.len}, {text + name.len, value.len}};
}

static void
add_field(struct http2_fields *f, struct str name, struct str value)
{
	if (f->count == f->limits->headers_max) {
		set_status(f, 431);
		return;
	}
	if (!has_room(f)) {
		set_status(f, 500);
		return;
	}
	f->items[f->count++] = copy_field(f, name, value);
}

static bool
is_lower_token(struct str name)
{
	for (size_t i = 0; i < name.len; i++)
		if (!header_is_token_char((unsigned char)name.data[i]) ||
		    (name.data[i] >= 'A' && name.data[i] <= 'Z'))
			return false;
	return name.len > 0;
}

static bool
is_value(struct str value)
{
	return field_value_run(value) == value.len && str_trim(value).len == value.len;
}

bool
http2_fields_add(struct http2_fields *f, struct str name, struct str value)
{
	f->bytes += size_of(name, value);
	if (f->bytes > f->limits->large_head_max_bytes)
		return false;
	if (f->bytes > f->limits->head_max_bytes && !f->may_be_large)
		set_status(f, 431);
	if (!is_value(value))
		set_malformed(f, "a field value has forbidden characters");
	else if (!str_starts_with(name, STR(":")) && !is_lower_token(name))
		set_malformed(f, "a field name is not a token in lower case");
	if (f->status != 0 || f->malformed != NULL)
		return true;
	if (str_starts_with(name, STR(":")))
		add_pseudo(f, name, value);
	else if (str_equal(name, STR("cookie")))
		add_cookie(f, value);
	else
		add_field(f, name, value);
	return true;
}

/* Whether the field is allowed in HTTP/2: no field of HTTP/1.1 connections (RFC 9113
 * section 8.2.2), in any spelling. */
static bool
is_allowed(const struct header *field)
{
	if (field->id == HEADER_TE)
		return str_equal_nocase(field->value, STR("trailers"));
	return field->id != HEADER_CONNECTION && field->id != HEADER_KEEP_ALIVE &&
	       field->id != HEADER_PROXY_CONNECTION && field->id != HEADER_TRANSFER_ENCODING &&
	       field->id != HEADER_UPGRADE;
}

static bool
set_headers(const struct http2_fields *f, struct request_head *r, struct arena *a)
{
	struct str host = f->pseudo[HTTP2_AUTHORITY];

	if (!headers_init(&r->headers, f->count + OWN_FIELDS, a))
		return false;
	for (size_t i = 0; i < f->count; i++)
		headers_add_own(&r->headers, f->items[i].name, f->items[i].value);
	if (host.data != NULL && !headers_has(&r->headers, HEADER_HOST))
		headers_add_own(&r->headers, STR("host"), host);
	if (f->cookies.len == 0)
		return true;
	const char *cookies = arena_dup(a, buf_view(&f->cookies));
	if (cookies == NULL)
		return false;
	headers_add_own(&r->headers, STR("cookie"), (struct str){cookies, f->cookies.len});
	return true;
}

/* The fields as such. */
static const char *
find_fault(const struct http2_fields *f, const struct request_head *r)
{
	const struct str *pseudo = f->pseudo;
	bool is_connect = str_equal(pseudo[HTTP2_METHOD], STR("CONNECT"));
	bool is_extended = pseudo[HTTP2_PROTOCOL].data != NULL;

	if (f->malformed != NULL)
		return f->malformed;
	for (size_t i = 0; i < r->headers.count; i++)
		if (!is_allowed(&r->headers.items[i]))
			return "a field of HTTP/1.1 connections";
	if (pseudo[HTTP2_METHOD].data == NULL)
		return "a pseudo-header field is missing";
	if (is_connect && !is_extended)
		return pseudo[HTTP2_SCHEME].data != NULL || pseudo[HTTP2_PATH].data != NULL
			       ? "CONNECT has a scheme or a path"
			       : NULL;
	if (pseudo[HTTP2_SCHEME].data == NULL || str_is_empty(pseudo[HTTP2_PATH]))
		return "a pseudo-header field is missing";
	return is_extended && !is_connect ? "a protocol without CONNECT" : NULL;
}

static bool
check_target(const struct http2_fields *f, struct request_head *r, unsigned *status, struct err *e)
{
	struct str scheme = f->pseudo[HTTP2_SCHEME];
	size_t line = r->method.len + 1 + r->target.len + VERSION_BYTES;
	size_t max = f->limits->line_max_bytes;

	if (max > 0 && line > max) {
		*status = 414;
		return err_set(e, ERR_LIMIT, "the request line exceeds URI_MAX_SIZE");
	}
	if (!str_equal_nocase(scheme, STR("https")) && !str_equal_nocase(scheme, STR("http")))
		return err_set(e, ERR_INPUT, "the scheme is neither https nor http");
	if (!request_is_target(r->target) ||
	    (r->target.data[0] != '/' && !str_equal(r->target, STR("*"))))
		return err_set(e, ERR_INPUT, "the path is malformed");
	if (str_equal(r->target, STR("*")) && !str_equal(r->method, STR("OPTIONS")))
		return err_set(e, ERR_INPUT, "the target * is only allowed with OPTIONS");
	request_split_target(r);
	return true;
}

/* :authority and Host must agree (RFC 9113 section 8.3.1). */
static bool
check_authority(const struct http2_fields *f, struct request_head *r, struct arena *a,
		struct err *e)
{
	struct str host;

	r->authority = f->pseudo[HTTP2_AUTHORITY];
	if (r->authority.data != NULL && headers_find(&r->headers, HEADER_HOST, &host) > 0 &&
	    !str_equal_nocase(host, r->authority))
		return err_set(e, ERR_INPUT, "Host differs from :authority");
	return request_check_host(r, a, e);
}

/* Sets the kind of body. With a length of 0 there is none, even if the stream has not ended yet. */
static bool
set_body(struct request_head *r, bool has_ended, struct err *e)
{
	struct str length;
	size_t lengths = headers_find(&r->headers, HEADER_CONTENT_LENGTH, &length);

	r->body = has_ended ? BODY_NONE : BODY_STREAM;
	for (size_t i = 0; i < r->headers.count; i++)
		if (r->headers.items[i].id == HEADER_CONTENT_LENGTH &&
		    !header_has_registered_name(&r->headers.items[i]))
			return err_set(e, ERR_INPUT, "a framing header is spelled with '_'");
	if (lengths == 0)
		return true;
	if (lengths > 1 || !request_is_length(length, &r->length))
		return err_set(e, ERR_INPUT, "Content-Length is repeated or not a number in range");
	if (has_ended && r->length > 0)
		return err_set(e, ERR_INPUT, "Content-Length without a body");
	if (!has_ended)
		r->body = r->length > 0 ? BODY_LENGTH : BODY_NONE;
	return true;
}

/* The handshake of RFC 8441 section 5 has no key, which upstreams need (RFC 6455): adds one. */
static bool
make_handshake(const struct http2_fields *f, struct request_head *r, bool has_ended,
	       bool takes_websockets, struct arena *a, unsigned *status, struct err *e)
{
	uint8_t random[KEY_BYTES];
	struct str version;
	struct buf key;

	if (!takes_websockets || !str_equal_nocase(f->pseudo[HTTP2_PROTOCOL], STR("websocket"))) {
		*status = 501;
		return err_set(e, ERR_INPUT, "CONNECT is only supported for WebSockets");
	}
	if (has_ended || r->length > 0 ||
	    headers_find(&r->headers, HEADER_SEC_WEBSOCKET_VERSION, &version) != 1)
		return err_set(e, ERR_INPUT, "not a WebSocket handshake");
	crypto_random(random, sizeof(random));
	buf_init(&key, 2 * KEY_BYTES);
	(void)crypto_base64_encode(&key, STR_BYTES(random));
	const char *text = buf_is_ok(&key) ? arena_dup(a, buf_view(&key)) : NULL;
	if (text != NULL) {
		headers_remove(&r->headers, HEADER_SEC_WEBSOCKET_KEY);
		headers_add_own(&r->headers, STR("sec-websocket-key"), (struct str){text, key.len});
	}
	buf_fini(&key);
	r->method = STR("GET");
	r->body = BODY_NONE;
	r->wants_websocket = true;
	r->upgrade = UPGRADE_WEBSOCKET;
	return text != NULL || err_set(e, ERR_MEMORY, "out of memory for a WebSocket handshake");
}

static bool
parse(struct http2_fields *f, bool has_ended, bool takes_websockets, struct request_head *r,
      unsigned *status, struct err *e)
{
	struct arena *a = &f->arena;

	*status = 400;
	r->target = f->pseudo[HTTP2_PATH];
	if (!request_is_method(r->method))
		return err_set(e, ERR_INPUT, "the method is malformed");
	if (str_equal(r->method, STR("CONNECT")) && f->pseudo[HTTP2_PROTOCOL].data == NULL) {
		*status = 501;
		return err_set(e, ERR_INPUT, "CONNECT is not supported");
	}
	if (!check_target(f, r, status, e) || !check_authority(f, r, a, e) ||
	    !set_body(r, has_ended, e) || !field_list_check(&r->headers, true, e) ||
	    !field_list_check_single(&r->headers, e))
		return false;
	if (f->pseudo[HTTP2_PROTOCOL].data != NULL &&
	    !make_handshake(f, r, has_ended, takes_websockets, a, status, e))
		return false;
	r->head_bytes = f->bytes;
	r->is_head = str_equal(r->method, STR("HEAD"));
	r->accepts_trailers = trailers_are_accepted(r, false);
	return true;
}

static enum http2_verdict
parse_fields(struct http2_fields *f, bool has_ended, bool takes_websockets, struct request_head *r,
	     unsigned *status, struct err *e)
{
	*r = (struct request_head){.body = BODY_NONE};
	*status = f->status;
	f->arena.max = f->arena.used + 3 * f->bytes +
		       (f->count + OWN_FIELDS) * sizeof(struct header) + ARENA_SPARE_BYTES;
	if (f->malformed == NULL && !set_headers(f, r, &f->arena))
		*status = 500;
	r->method = f->pseudo[HTTP2_METHOD];
	const char *fault = f->status == 0 ? find_fault(f, r) : NULL;
	if (fault != NULL) {
		err_set(e, ERR_INPUT, "%s", fault);
		return HTTP2_MALFORMED;
	}
	if (*status != 0) {
		err_set(e, *status == 431 ? ERR_LIMIT : ERR_MEMORY, "%s",
			*status == 431 ? "the request head exceeds HEAD_MAX_SIZE or HEADERS_MAX"
				       : "out of memory for a request head");
		return HTTP2_REJECTED;
	}
	if (parse(f, has_ended, takes_websockets, r, status, e))
		return HTTP2_ACCEPTED;
	if (e->code == ERR_MEMORY)
		*status = 500;
	return HTTP2_REJECTED;
}

enum http2_verdict
http2_request_parse(struct http2_fields *f, bool has_ended, bool takes_websockets,
		    struct request_head *r, struct arena *arena, unsigned *status, struct err *e)
{
	enum http2_verdict verdict = parse_fields(f, has_ended, takes_websockets, r, status, e);

	if (verdict != HTTP2_MALFORMED) {
		*arena = f->arena;
		arena_init(&f->arena, 0);
	}
	http2_fields_begin(f, f->limits);
	return verdict;
}
