/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rewrites request and response heads. Fields of the client are filtered first and ours are added
 * last, so that nothing the client nominates in Connection can remove one of ours.
 */
#include "proxy/http/forward.h"

#include "proxy/http/http1.h"
#include "proxy/http/trailers.h"

/* Typical size of our own fields. */
#define OWN_FIELDS_BYTES 512u

/* Fields that the upstream may trust because the proxy sets them. */
static bool
is_set_by_proxy(enum header_id id)
{
	return id == HEADER_FORWARDING || id == HEADER_REMOTE_IDENTITY || id == HEADER_X_REQUEST_ID;
}

/* Fields named by Connection are hop-by-hop too (RFC 9110 section 7.6.1). */
static bool
is_nominated(const struct headers *h, const struct header *field)
{
	return field->id != HEADER_COOKIE && field->id != HEADER_HOST &&
	       headers_has_token(h, HEADER_CONNECTION, field->name);
}

static bool
holds_our_cookie(const struct auth *auth, struct str value)
{
	struct str part;

	while (str_next(&value, ';', &part)) {
		part = str_trim(part);
		size_t equals = str_find_byte(part, '=');
		if (auth_owns_cookie(auth, str_trim(str_take(part, equals))))
			return true;
	}
	return false;
}

/* Other cookies are forwarded byte for byte; without any the field is omitted. */
static void
write_cookie(const struct auth *auth, const struct header *field, struct buf *out)
{
	struct str rest = field->value;
	struct str part;
	bool has_any = false;

	if (!holds_our_cookie(auth, field->value)) {
		http1_write_field(out, field->name, field->value);
		return;
	}
	while (str_next(&rest, ';', &part)) {
		part = str_trim(part);
		struct str name = str_trim(str_take(part, str_find_byte(part, '=')));
		if (part.len == 0 || auth_owns_cookie(auth, name))
			continue;
		buf_add_str(out, has_any ? STR("; ") : STR("Cookie: "));
		buf_add_str(out, part);
		has_any = true;
	}
	if (has_any)
		buf_add_str(out, STR("\r\n"));
}

/* The field with the API token that authorized the request is not forwarded. */
static bool
holds_api_token(const struct forward *f, const struct header *field)
{
	return !str_is_empty(f->token_header) && str_equal_nocase(field->name, f->token_header);
}

bool
forward_counts_hops(const struct request_head *r)
{
	return str_equal(r->method, STR("OPTIONS")) || str_equal(r->method, STR("TRACE"));
}

/* Decrements Max-Forwards (RFC 9110 section 7.6.2). */
static void
write_max_forwards(const struct forward *f, const struct header *field, struct buf *out)
{
	uint64_t left;

	if (forward_counts_hops(f->request) && str_to_u64(field->value, 1, UINT32_MAX, &left))
		http1_write_field_u64(out, field->name, left - 1);
	else
		http1_write_field(out, field->name, field->value);
}

static void
write_fields(const struct forward *f, struct buf *out)
{
	const struct headers *h = &f->request->headers;
	bool has_nominations = headers_nominate_fields(h);

	for (size_t i = 0; i < h->count; i++) {
		const struct header *field = &h->items[i];
		if (header_is_hop_by_hop(field->id) || is_set_by_proxy(field->id) ||
		    field->id == HEADER_HOST || field->id == HEADER_CONTENT_LENGTH ||
		    holds_api_token(f, field) || (has_nominations && is_nominated(h, field)))
			continue;
		if (field->id == HEADER_COOKIE)
			write_cookie(f->auth, field, out);
		else if (field->id == HEADER_ORIGIN && !str_is_empty(f->page_origin))
			http1_write_field(out, field->name, f->page_origin);
		else if (field->id == HEADER_MAX_FORWARDS)
			write_max_forwards(f, field, out);
		else
			http1_write_field(out, field->name, field->value);
	}
}

static void
write_identity(const struct forward *f, struct buf *out)
{
	if (f->identity.username.len > 0) { /* empty for requests to public ports */
		http1_write_field(out, STR("X-Forwarded-User"), f->identity.username);
		http1_write_field(out, STR("X-Forwarded-Preferred-Username"), f->identity.username);
	}
	if (f->identity.email.len > 0)
		http1_write_field(out, STR("X-Forwarded-Email"), f->identity.email);
	if (f->assertion.len > 0)
		http1_write_field(out, STR("X-Workspace-Assertion"), f->assertion);
	http1_write_field(out, STR("X-Forwarded-For"), f->forwarded_for);
	http1_write_field(out, STR("X-Forwarded-Host"), f->request->authority);
	http1_write_field(out, STR("X-Forwarded-Proto"), STR("https"));
	http1_write_field(out, STR("X-Request-Id"), f->request_id);
}

/* Limit of X-Forwarded-For in bytes; longer lists are dropped. */
#define FORWARDED_FOR_MAX 512u

/* Removes the last element from a list and returns it. */
static struct str
take_last(struct str *rest)
{
	size_t at = rest->len;

	while (at > 0 && rest->data[at - 1] != ',')
		at--;
	struct str last = str_trim(str_skip(*rest, at));
	*rest = str_take(*rest, at > 0 ? at - 1 : 0);
	return last;
}

size_t
forward_count_own_cookies(const struct auth *auth, const struct headers *h)
{
	size_t bytes = 0;

	for (size_t i = 0; i < h->count; i++) {
		struct str value = h->items[i].value;
		struct str part;

		while (h->items[i].id == HEADER_COOKIE && str_next(&value, ';', &part)) {
			struct str name = str_take(part, str_find_byte(part, '='));
			if (auth_owns_cookie(auth, str_trim(name)))
				bytes += part.len + 1;
		}
	}
	return bytes;
}

/* Joins all lines of X-Forwarded-For into one list (RFC 9110 section 5.3); empty if it is too long.
 * *ok is false without memory. */
static struct str
join_forwarded_for(const struct headers *h, struct arena *a, bool *ok)
{
	struct str name = STR("x-forwarded-for");
	struct str list = headers_get(h, name, 0);

	*ok = true;
	for (size_t i = 1; list.len <= FORWARDED_FOR_MAX; i++) {
		struct str line = headers_get(h, name, i);

		if (line.data == NULL)
			return list;
		list = str_from(arena_printf(a, "%.*s, %.*s", STR_FMT(list), STR_FMT(line)));
		*ok = list.data != NULL;
		if (!*ok)
			return list;
	}
	return STR_NONE;
}

bool
forward_find_client(const struct cidr_set *trusted, const struct headers *h, struct str peer_ip,
		    struct arena *a, struct str *client, struct str *forwarded_for)
{
	struct str last;
	bool ok;

	*client = *forwarded_for = peer_ip;
	if (trusted->count == 0 || !cidr_contains_text(trusted, peer_ip))
		return true;
	struct str list = join_forwarded_for(h, a, &ok);
	if (!ok || list.len == 0)
		return ok;
	*forwarded_for = str_from(arena_printf(a, "%.*s, %.*s", STR_FMT(list), STR_FMT(peer_ip)));
	while (list.len > 0) {
		last = take_last(&list);
		if (last.len == 0)
			break;
		*client = last;
		if (!cidr_contains_text(trusted, last))
			break;
	}
	return forwarded_for->data != NULL;
}

void
forward_write_request(const struct forward *f, struct buf *out)
{
	const struct request_head *r = f->request;

	/* Usually avoids further allocations. The writers report a failure. */
	(void)buf_reserve(out, r->target.len + headers_size(&r->headers) + f->assertion.len +
				       OWN_FIELDS_BYTES);
	http1_write_request_line(out, r->method, r->target);
	http1_write_field(out, STR("Host"), r->authority);
	write_fields(f, out);
	write_identity(f, out);
	if (r->body == BODY_LENGTH)
		http1_write_field_u64(out, STR("Content-Length"), r->length);
	else if (r->body == BODY_STREAM)
		http1_write_field(out, STR("Transfer-Encoding"), STR("chunked"));
	else if (str_equal(r->method, STR("POST")) || str_equal(r->method, STR("PUT")) ||
		 str_equal(r->method, STR("PATCH")))
		http1_write_field(out, STR("Content-Length"), STR("0"));
	/* TE is a hop-by-hop field: it is also named in Connection (RFC 9110 section 10.1.4). */
	if (r->accepts_trailers)
		http1_write_field(out, STR("TE"), STR("trailers"));
	if (r->body != BODY_NONE)
		return;
	if (r->upgrade.len > 0)
		http1_write_upgrade(out, r->upgrade);
	else if (r->accepts_trailers)
		http1_write_field(out, STR("Connection"), STR("TE"));
	http1_write_end(out);
}

/* Whether Set-Cookie sets one of our cookies. Ignores leading '=': browsers send a cookie without a
 * name as its value only, which may look like one of our cookies. */
static bool
sets_our_cookie(const struct auth *auth, struct str value)
{
	size_t end = 0;

	while (value.len > 0 && (value.data[0] == '=' || str_trim(value).len < value.len))
		value = str_trim(str_skip(value, value.data[0] == '='));
	while (end < value.len && value.data[end] != '=' && value.data[end] != ';')
		end++;
	return auth_owns_cookie(auth, str_trim(str_take(value, end)));
}

/* A 426 names the required protocol in Upgrade (RFC 9110 section 15.5.22). */
static bool
is_required_upgrade(const struct response_head *r, const struct header *field)
{
	return r->status == 426 && field->id == HEADER_UPGRADE;
}

/* Whether the field announces trailers that are forwarded. */
static bool
is_announcement(const struct response_head *r, const struct header *field)
{
	return field->id == HEADER_TRAILER && r->body == BODY_STREAM &&
	       trailers_may_be_announced(field->value);
}

void
forward_filter_response(const struct auth *auth, bool accepts_trailers, struct response_head *r)
{
	struct headers *h = &r->headers;
	bool has_nominations = headers_nominate_fields(h);
	bool has_trailers = accepts_trailers && !has_nominations;
	size_t kept = 0;

	/* Mark nominated fields first: Connection must still be in place for the lookup. */
	for (size_t i = 0; has_nominations && i < h->count; i++)
		if (h->items[i].id != HEADER_CONNECTION && !is_required_upgrade(r, &h->items[i]) &&
		    is_nominated(h, &h->items[i]))
			headers_mark_hop_by_hop(h, i);
	for (size_t i = 0; i < h->count; i++) {
		const struct header *field = &h->items[i];
		if (!is_required_upgrade(r, field) &&
		    !(has_trailers && is_announcement(r, field)) &&
		    (header_is_hop_by_hop(field->id) || field->id == HEADER_CONTENT_LENGTH ||
		     (field->id == HEADER_SET_COOKIE && sets_our_cookie(auth, field->value))))
			continue;
		h->items[kept++] = *field;
	}
	h->count = kept;
}
