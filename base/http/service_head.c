/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A strict parser of request heads for the listeners that face the cluster: the part of RFC 9112
 * that is needed to find the end of a request unambiguously.
 */
#include "base/http/service_head.h"

#include "base/ascii.h"

/* Removes a line and its CRLF from the start of *rest. Bare CR and LF stay in it and are rejected
 * later. */
static bool
next_line(struct str *rest, struct str *line)
{
	size_t at = str_find(*rest, STR("\r\n"));

	if (at == SIZE_MAX)
		return false;
	*line = str_take(*rest, at);
	*rest = str_skip(*rest, at + 2);
	return true;
}

static bool
is_token(struct str s)
{
	return s.len > 0 && ascii_all_alnum_or(s, ASCII_TOKEN_OTHERS);
}

static bool
is_known_method(struct str method)
{
	static const char *const methods[] = {"GET",	"HEAD",	   "POST", "PUT",
					      "DELETE", "OPTIONS", "PATCH"};

	for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++)
		if (str_equal(method, str_from(methods[i])))
			return true;
	return false;
}

static size_t
scheme_len(struct str target)
{
	if (str_starts_with_nocase(target, STR("http://")))
		return 7;
	return str_starts_with_nocase(target, STR("https://")) ? 8 : 0;
}

/* Reads a target in origin-form or absolute-form (RFC 9112 section 3.2), of visible ASCII without
 * a fragment. */
static bool
read_target(struct str target, struct service_head *h)
{
	size_t scheme = scheme_len(target);
	struct str rest = str_skip(target, scheme);
	size_t slash;

	h->path = str_take(rest, str_find_byte(rest, '?'));
	h->query = str_skip(rest, h->path.len + 1);
	slash = str_find_byte(h->path, '/');
	if (scheme > 0) {
		if (h->path.len == 0 || slash == 0)
			return false; /* no authority */
		h->path = slash == SIZE_MAX ? STR("/") : str_skip(h->path, slash);
	} else if (slash != 0) {
		return false;
	}
	return ascii_all_visible(target) && str_find_byte(target, '#') == SIZE_MAX;
}

/* HTTP-version of RFC 9112 section 2.3. */
static bool
is_version(struct str s)
{
	return s.len == 8 && str_starts_with(s, STR("HTTP/")) && s.data[5] >= '0' &&
	       s.data[5] <= '9' && s.data[6] == '.' && s.data[7] >= '0' && s.data[7] <= '9';
}

static unsigned
read_request_line(struct str line, struct service_head *h)
{
	struct str target;

	if (!str_next(&line, ' ', &h->method) || !str_next(&line, ' ', &target) ||
	    !is_token(h->method) || !read_target(target, h))
		return 400;
	if (!str_equal(line, STR("HTTP/1.1")) && !str_equal(line, STR("HTTP/1.0")))
		return is_version(line) ? 505 : 400;
	h->is_http10 = str_equal(line, STR("HTTP/1.0"));
	return is_known_method(h->method) ? 0 : 501;
}

/* Whether a field value has no control characters other than HTAB. */
static bool
is_value(struct str value)
{
	for (size_t i = 0; i < value.len; i++) {
		unsigned char c = (unsigned char)value.data[i];
		if ((c < 0x20 && c != '\t') || c == 0x7f)
			return false;
	}
	return true;
}

static bool
has_close(struct str options)
{
	struct str option;

	while (str_next(&options, ',', &option))
		if (str_equal_nocase(str_trim(option), STR("close")))
			return true;
	return false;
}

struct field_counts {
	unsigned hosts;
	unsigned lengths;
};

static unsigned
read_field(struct str line, struct service_head *h, struct field_counts *counts)
{
	struct str name;

	if (!str_next(&line, ':', &name) || line.data == NULL || !is_token(name) || !is_value(line))
		return 400;
	line = str_trim(line);
	if (str_equal_nocase(name, STR("Transfer-Encoding")))
		return 501;
	if (str_equal_nocase(name, STR("Expect")))
		h->expects_continue = str_equal_nocase(line, STR("100-continue"));
	if (str_equal_nocase(name, STR("Connection")))
		h->wants_close = h->wants_close || has_close(line);
	if (str_equal_nocase(name, STR("Host")))
		return counts->hosts++ > 0 ? 400 : 0;
	if (!str_equal_nocase(name, STR("Content-Length")))
		return 0;
	return counts->lengths++ > 0 || !str_to_u64(line, 0, INT64_MAX, &h->body_len) ? 400 : 0;
}

unsigned
service_head_read(struct str head, struct service_head *h)
{
	struct field_counts counts = {.hosts = 0};
	struct str line;
	unsigned status;

	*h = (struct service_head){.body_len = 0};
	if (!next_line(&head, &line))
		return 400;
	status = read_request_line(line, h);
	for (unsigned fields = 0; status == 0; fields++) {
		if (!next_line(&head, &line))
			return 400;
		if (line.len == 0)
			return head.len == 0 && (counts.hosts == 1 || h->is_http10) ? 0 : 400;
		if (fields == SERVICE_HEAD_MAX_FIELDS)
			return 431;
		status = read_field(line, h, &counts);
	}
	return status;
}

const char *
service_head_reason(unsigned status)
{
	switch (status) {
	case 200:
		return "OK";
	case 404:
		return "Not Found";
	case 405:
		return "Method Not Allowed";
	case 413:
		return "Content Too Large";
	case 431:
		return "Request Header Fields Too Large";
	case 500:
		return "Internal Server Error";
	case 501:
		return "Not Implemented";
	case 503:
		return "Service Unavailable";
	case 504:
		return "Gateway Timeout";
	case 505:
		return "HTTP Version Not Supported";
	default:
		return "Bad Request";
	}
}
