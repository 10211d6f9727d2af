/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stricter than RFC 9110 where recipients differ.
 */
#include "proxy/http/request_parts.h"

#include "base/url.h"
#include "proxy/http/field_list.h"

#define METHOD_MAX	  32u
#define HOST_KEPT_MAX	  128u
#define LENGTH_DIGITS_MAX 19u

bool
request_is_method(struct str method)
{
	return method.len > 0 && method.len <= METHOD_MAX && field_token_run(method) == method.len;
}

bool
request_is_target(struct str target)
{
	for (size_t i = 0; i < target.len; i++) {
		unsigned char c = (unsigned char)target.data[i];
		if (c <= 0x20 || c >= 0x7f || c == '#')
			return false;
	}
	return target.len > 0;
}

void
request_split_target(struct request_head *r)
{
	size_t question = str_find_byte(r->target, '?');

	r->path = question == SIZE_MAX ? r->target : str_take(r->target, question);
	r->query = question == SIZE_MAX ? STR_NONE : str_skip(r->target, question + 1);
}

/* Remembers the last valid host, because most requests have the same one. */
static bool
is_valid_host(struct str host)
{
	static _Thread_local char valid[HOST_KEPT_MAX];
	static _Thread_local size_t valid_len;
	struct str name;
	uint16_t port;

	if (valid_len > 0 && str_equal(host, (struct str){valid, valid_len}))
		return true;
	if (!url_split_authority(host, &name, &port))
		return false;
	if (host.len <= sizeof(valid)) {
		memcpy(valid, host.data, host.len);
		valid_len = host.len;
	}
	return true;
}

/* Removes a dot at the end of the host name, which names the same host (an absolute name in DNS),
 * and sets *has_dot. Copies only an authority that has one. False: out of memory. */
static bool
remove_dot(struct str *authority, bool *has_dot, struct arena *a, struct err *e)
{
	struct str host = str_take(*authority, str_find_byte(*authority, ':'));

	*has_dot = host.len > 1 && host.data[host.len - 1] == '.';
	if (!*has_dot)
		return true;
	char *text = arena_printf(a, "%.*s%.*s", STR_FMT(str_take(host, host.len - 1)),
				  STR_FMT(str_skip(*authority, host.len)));
	if (text == NULL)
		return err_set(e, ERR_MEMORY, "out of memory for a host");
	*authority = str_from(text);
	return true;
}

bool
request_check_host(struct request_head *r, struct arena *a, struct err *e)
{
	struct str host;

	if (headers_find(&r->headers, HEADER_HOST, &host) != 1)
		return err_set(e, ERR_INPUT, "Host is missing or repeated");
	bool is_absolute_form = r->authority.data != NULL;
	if (!remove_dot(&host, &r->has_dot, a, e) ||
	    (is_absolute_form && !remove_dot(&r->authority, &r->has_dot, a, e)))
		return false;
	if (!is_valid_host(host))
		return err_set(e, ERR_INPUT, "Host is not a valid host");
	if (!is_absolute_form)
		r->authority = host;
	else if (!is_valid_host(r->authority))
		return err_set(e, ERR_INPUT, "the request target's host is not valid");
	return true;
}

bool
request_is_length(struct str value, uint64_t *length)
{
	return value.len <= LENGTH_DIGITS_MAX && str_to_u64(value, 0, INT64_MAX, length);
}
