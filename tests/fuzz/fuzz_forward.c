/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a gateway changes in a head, seen by rules of its own: a request (written anew for the IDE)
 * or, where it begins with "HTTP/", a response. The first byte chooses whether a token let the
 * request in, and whether the client of a response accepts trailers. Ours are there once and as we
 * said, nothing hop-by-hop passes, nothing of our cookies, and all else byte for byte and in order.
 */
#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>

#include "proxy/http/forward.h"
#include "proxy/http/http1.h"
#include "tests/fuzz/fuzz.h"

#define FIELDS_MAX 64u

static const struct http1_limits limits = {.head_max_bytes = 8192, .headers_max = FIELDS_MAX};
static const struct http1_limits wide = {.head_max_bytes = 65536, .headers_max = FIELDS_MAX + 16};

bool
auth_owns_cookie(const struct auth *a, struct str name)
{
	(void)a;
	return str_equal(name, STR("__Host-wp")) || str_starts_with(name, STR("__Host-wp-"));
}

static const struct header ours[] = {
	{.name = {"X-Forwarded-User", 16}, .value = {"ana", 3}},
	{.name = {"X-Forwarded-Preferred-Username", 30}, .value = {"ana", 3}},
	{.name = {"X-Forwarded-Email", 17}, .value = {"a@a.example", 11}},
	{.name = {"X-Forwarded-For", 15}, .value = {"192.0.2.7", 9}},
	{.name = {"X-Forwarded-Host", 16}},
	{.name = {"X-Forwarded-Proto", 17}, .value = {"https", 5}},
	{.name = {"X-Request-Id", 12}, .value = {"0123", 4}},
};
#define OURS (sizeof(ours) / sizeof(ours[0]))

/* Among the elements of every Connection field. */
static bool
is_named_by_connection(const struct headers *h, struct str name)
{
	for (size_t i = 0; i < h->count; i++) {
		struct str rest = h->items[i].value;
		struct str part;
		if (!str_equal_nocase(h->items[i].name, STR("connection")))
			continue;
		while (str_next(&rest, ',', &part))
			if (str_equal_nocase(str_trim(part), name))
				return true;
	}
	return false;
}

/* As an application may read a name: CGI replaces every byte that is not a letter or digit. */
static struct str
fold(struct str name, char *out, size_t size)
{
	size_t len = name.len < size ? name.len : size;

	for (size_t i = 0; i < len; i++) {
		char c = name.data[i];
		out[i] = isalnum((unsigned char)c) ? (char)tolower((unsigned char)c) : '-';
	}
	return (struct str){out, len};
}

static bool
is_one_of(struct str name, const char *list)
{
	struct str rest = str_from(list);
	struct str part;

	while (str_next(&rest, ' ', &part))
		if (str_equal(part, name))
			return true;
	return false;
}

static bool
ends_here(struct str folded)
{
	return is_one_of(folded, "connection keep-alive proxy-connection proxy-authenticate "
				 "proxy-authorization te trailer transfer-encoding upgrade");
}

static bool
begins_like_one_of(struct str folded, const char *list)
{
	struct str rest = str_from(list);
	struct str part;

	while (str_next(&rest, ' ', &part))
		if (str_starts_with(folded, part))
			return true;
	return false;
}

static bool
says_who(struct str folded)
{
	return begins_like_one_of(
		       folded, "x-forwarded- x-original- x-envoy- x-auth-request- x-remote-extra- "
			       "x-webauth- x-authenticated- x-authentik- x-consumer- "
			       "x-goog-authenticated-user- x-goog-iap-jwt-assertion "
			       "x-apigateway-api-userinfo x-endpoint-api-userinfo x-amzn-oidc- "
			       "x-ms-client-principal x-pomerium- x-replit-user- x-ssl-client- "
			       "x-vouch- cf-access- oidc-claim- ssl-client- tailscale-user-") ||
	       is_one_of(
		       folded,
		       "forwarded forwarded-for x-forwarded x-real-ip x-client-ip client-ip "
		       "true-client-ip cf-connecting-ip fastly-client-ip x-cluster-client-ip "
		       "x-appengine-user-ip x-originating-ip x-remote-ip x-remote-addr remote-addr "
		       "x-proxyuser-ip x-rewrite-url x-host x-scheme x-url-scheme "
		       "front-end-https x-request-id remote-user remote-name remote-email "
		       "remote-groups x-remote-user x-remote-group x-auth-username x-auth-email "
		       "x-auth-userid x-auth-groups x-auth-roles x-auth-subject "
		       "x-credential-identifier client-cert client-cert-chain iv-user iv-groups "
		       "sm-user");
}

/* The next cookie that is not ours: skips lines' ends, empty pairs and ours. */
struct cookies {
	const struct headers *h;
	size_t at;
	struct str rest;
};

static struct str
next_cookie(struct cookies *c, bool may_be_ours)
{
	struct str part;

	for (;;) {
		while (str_next(&c->rest, ';', &part)) {
			part = str_trim(part);
			struct str name = str_trim(str_take(part, str_find_byte(part, '=')));
			bool is_ours = auth_owns_cookie(NULL, name);
			err_assert(may_be_ours || !is_ours);
			if (part.len > 0 && !is_ours)
				return part;
		}
		while (c->at < c->h->count && c->h->items[c->at].id != HEADER_COOKIE)
			c->at++;
		if (c->at == c->h->count)
			return STR_NONE;
		c->rest = c->h->items[c->at++].value;
	}
}

static void
check_cookies(const struct headers *in, const struct headers *out)
{
	struct cookies sent = {.h = in};
	struct cookies passed = {.h = out};
	struct str cookie;

	do {
		cookie = next_cookie(&sent, true);
		err_assert(str_equal(next_cookie(&passed, false), cookie));
	} while (cookie.len > 0);
}

/* Whether the field is one that just passes. */
static bool
passes(const struct headers *h, const struct header *field, struct str token_header, bool is_http10)
{
	char memory[64];
	struct str folded = fold(field->name, memory, sizeof(memory));

	return !ends_here(folded) && !says_who(folded) &&
	       !(is_http10 && is_one_of(folded, "expect")) &&
	       !is_one_of(folded, "host content-length cookie") &&
	       !(token_header.len > 0 && str_equal_nocase(field->name, token_header)) &&
	       !is_named_by_connection(h, field->name);
}

/* Takes the next field that is no cookie and holds it against what is expected. */
static void
expect_field(const struct headers *out, size_t *at, struct str name, struct str value)
{
	while (*at < out->count && out->items[*at].id == HEADER_COOKIE)
		++*at;
	err_assert(*at < out->count && str_equal(out->items[*at].name, name));
	err_assert(str_equal(out->items[(*at)++].value, value));
}

/* Max-Forwards, where it counts, by hand: any number of zeros, then up to ten digits. */
static struct str
expected_value(const struct request_head *in, const struct header *field, char out[24])
{
	bool counts = str_equal(in->method, STR("OPTIONS")) || str_equal(in->method, STR("TRACE"));
	uint64_t left = 0;

	if (!counts || !str_equal(fold(field->name, out, 24), STR("max-forwards")) ||
	    field->value.len == 0)
		return field->value;
	for (size_t i = 0; i < field->value.len; i++) {
		if (field->value.data[i] < '0' || field->value.data[i] > '9' || left > UINT32_MAX)
			return field->value;
		left = left * 10 + (uint64_t)(field->value.data[i] - '0');
	}
	if (left == 0 || left > UINT32_MAX)
		return field->value;
	(void)snprintf(out, 24, "%" PRIu64, left - 1);
	return str_from(out);
}

/* Host first, then the fields that pass, then ours, then framing and an upgrade. */
static void
check_request_fields(const struct request_head *in, const struct headers *out,
		     struct str token_header, bool is_http10)
{
	size_t at = 0;

	expect_field(out, &at, STR("Host"), in->authority);
	for (size_t i = 0; i < in->headers.count; i++) {
		const struct header *field = &in->headers.items[i];
		char memory[24];
		if (passes(&in->headers, field, token_header, is_http10))
			expect_field(out, &at, field->name, expected_value(in, field, memory));
	}
	for (size_t i = 0; i < OURS; i++)
		expect_field(out, &at, ours[i].name,
			     ours[i].value.data != NULL ? ours[i].value : in->authority);
	for (; at < out->count; at++) {
		enum header_id id = out->items[at].id;
		bool upgrades = id == HEADER_CONNECTION || id == HEADER_UPGRADE;
		bool accepts = in->accepts_trailers && (id == HEADER_TE || id == HEADER_CONNECTION);
		err_assert(id != HEADER_TE || str_equal(out->items[at].value, STR("trailers")));
		err_assert(id == HEADER_CONTENT_LENGTH || id == HEADER_TRANSFER_ENCODING ||
			   accepts || (in->wants_websocket && upgrades));
	}
}

static void
check_request(struct str head, const struct http1_scan *scan, struct str token_header)
{
	struct request_head in, again;
	struct http1_persistence persistence;
	struct http1_scan scan_again = {0};
	struct arena arena;
	struct buf out;
	struct err e = ERR_INIT;
	unsigned status;

	buf_init(&out, 65536);
	arena_init(&arena, 1 << 20);
	if (http1_parse_request(head, scan, &in, &persistence, &arena, &status, &e)) {
		struct forward f = {.request = &in,
				    .identity = {.username = ours[0].value, .email = ours[2].value},
				    .forwarded_for = ours[3].value,
				    .request_id = ours[6].value,
				    .token_header = token_header};
		bool is_http10 = persistence.is_http10;
		forward_write_request(&f, &out);
		if (in.body != BODY_NONE)
			http1_write_end(&out);
		err_assert(buf_is_ok(&out));
		struct str text = buf_view(&out);
		err_assert(http1_scan_head(&scan_again, text, &wide, &status) == HTTP1_COMPLETE);
		err_assert(scan_again.at == text.len);
		err_assert(http1_parse_request(text, &scan_again, &again, &persistence, &arena,
					       &status, &e));
		err_assert(str_equal(again.method, in.method) &&
			   str_equal(again.target, in.target) && again.body == in.body &&
			   again.length == in.length &&
			   again.accepts_trailers == in.accepts_trailers &&
			   again.wants_websocket == in.wants_websocket);
		check_request_fields(&in, &again.headers, token_header, is_http10);
		check_cookies(&in.headers, &again.headers);
	}
	arena_fini(&arena);
	buf_fini(&out);
}

/* What a browser would send back (RFC 6265bis section 5.7): a cookie without a name is its value
 * alone. */
static void
check_set_cookie(struct str value)
{
	struct str pair = str_take(value, str_find_byte(value, ';'));
	size_t equals = str_find_byte(pair, '=');
	struct str name = equals == SIZE_MAX ? STR_NONE : str_trim(str_take(pair, equals));
	struct str rest = equals == SIZE_MAX ? pair : str_skip(pair, equals + 1);

	if (name.len == 0)
		name = str_trim(str_take(str_trim(rest), str_find_byte(str_trim(rest), '=')));
	err_assert(!auth_owns_cookie(NULL, name));
}

/* None of the names that would change what the message is. */
static bool
announces_what_passes(struct str value)
{
	struct str name;
	char memory[64];

	while (str_next(&value, ',', &name)) {
		struct str folded = fold(str_trim(name), memory, sizeof(memory));
		if (ends_here(folded) || says_who(folded) ||
		    is_one_of(folded, "host content-length content-type set-cookie cookie "
				      "authorization location cache-control"))
			return false;
	}
	return true;
}

static void
check_response_field(const struct response_head *in, const struct header *field, bool is_kept,
		     bool accepts_trailers)
{
	char memory[64];
	struct str folded = fold(field->name, memory, sizeof(memory));
	bool is_required = in->status == 426 && is_one_of(folded, "upgrade");
	bool is_announcement = is_kept && accepts_trailers && in->body == BODY_STREAM &&
			       is_one_of(folded, "trailer");
	bool must_go = !is_required && !is_announcement &&
		       (ends_here(folded) || is_one_of(folded, "content-length") ||
			(is_named_by_connection(&in->headers, field->name) &&
			 !is_one_of(folded, "cookie host")));

	err_assert(!must_go || !is_kept);
	err_assert(must_go || is_kept || field->id == HEADER_SET_COOKIE);
	err_assert(!is_announcement || announces_what_passes(field->value));
	if (is_kept && field->id == HEADER_SET_COOKIE)
		check_set_cookie(field->value);
}

static void
check_response(struct str head, const struct http1_scan *scan, bool accepts_trailers)
{
	struct response_head in, out;
	struct http1_persistence persistence;
	struct arena arena;
	struct err e = ERR_INIT;
	size_t at = 0;

	arena_init(&arena, 1 << 20);
	if (http1_parse_response(head, scan, false, &in, &persistence, &arena, &e) &&
	    http1_parse_response(head, scan, false, &out, &persistence, &arena, &e)) {
		forward_filter_response(NULL, accepts_trailers, &out);
		for (size_t i = 0; i < in.headers.count; i++) {
			const struct header *field = &in.headers.items[i];
			bool is_kept = at < out.headers.count &&
				       out.headers.items[at].name.data == field->name.data;
			check_response_field(&in, field, is_kept, accepts_trailers);
			at += is_kept;
		}
		err_assert(at == out.headers.count);
	}
	arena_fini(&arena);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str input = fuzz_input(data, size);
	unsigned choice = fuzz_take_byte(&input);
	struct http1_scan scan = {0};
	unsigned status;

	if (http1_scan_head(&scan, input, &limits, &status) != HTTP1_COMPLETE)
		return 0;
	char *head = fuzz_copy(str_take(input, scan.at));
	if (str_starts_with(input, STR("HTTP/")))
		check_response((struct str){head, scan.at}, &scan, (choice & 1) != 0);
	else
		check_request((struct str){head, scan.at}, &scan,
			      (choice & 1) != 0 ? STR("Authorization") : STR_NONE);
	free(head);
	return 0;
}
