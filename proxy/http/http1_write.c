/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writes heads and chunk lines. Callers guarantee that names and values have no CR or LF: they come
 * from a parsed head, are constants, or were validated by auth or settings.
 */
#include "proxy/http/http1.h"

struct reason {
	unsigned status;
	const char *text;
};

/* RFC 9110 section 15. Reason phrases of the upstream are not forwarded. */
static const struct reason reasons[] = {
	{100, "Continue"},
	{101, "Switching Protocols"},
	{103, "Early Hints"},
	{200, "OK"},
	{201, "Created"},
	{202, "Accepted"},
	{204, "No Content"},
	{206, "Partial Content"},
	{301, "Moved Permanently"},
	{302, "Found"},
	{303, "See Other"},
	{304, "Not Modified"},
	{307, "Temporary Redirect"},
	{308, "Permanent Redirect"},
	{400, "Bad Request"},
	{401, "Unauthorized"},
	{403, "Forbidden"},
	{404, "Not Found"},
	{405, "Method Not Allowed"},
	{408, "Request Timeout"},
	{409, "Conflict"},
	{410, "Gone"},
	{411, "Length Required"},
	{412, "Precondition Failed"},
	{413, "Content Too Large"},
	{414, "URI Too Long"},
	{415, "Unsupported Media Type"},
	{416, "Range Not Satisfiable"},
	{417, "Expectation Failed"},
	{421, "Misdirected Request"},
	{422, "Unprocessable Content"},
	{426, "Upgrade Required"},
	{429, "Too Many Requests"},
	{431, "Request Header Fields Too Large"},
	{500, "Internal Server Error"},
	{501, "Not Implemented"},
	{502, "Bad Gateway"},
	{503, "Service Unavailable"},
	{504, "Gateway Timeout"},
	{505, "HTTP Version Not Supported"},
};

const char *
http1_reason(unsigned status)
{
	for (size_t i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++)
		if (reasons[i].status == status)
			return reasons[i].text;
	return "";
}

void
http1_write_request_line(struct buf *out, struct str method, struct str target)
{
	buf_add_str(out, method);
	buf_add_byte(out, ' ');
	buf_add_str(out, target);
	buf_add_str(out, STR(" HTTP/1.1\r\n"));
}

void
http1_write_status_line(struct buf *out, unsigned status)
{
	char digits[4] = {(char)('0' + status / 100), (char)('0' + status / 10 % 10),
			  (char)('0' + status % 10), ' '};

	buf_add_str(out, STR("HTTP/1.1 "));
	buf_add(out, digits, sizeof(digits));
	buf_add_str(out, str_from(http1_reason(status)));
	buf_add_str(out, STR("\r\n"));
}

void
http1_write_field(struct buf *out, struct str name, struct str value)
{
	if (!buf_is_ok(out) || !buf_reserve(out, name.len + value.len + 4)) {
		out->failed = true;
		return;
	}
	char *at = out->data + out->len;
	memcpy(at, name.data, name.len);
	at += name.len;
	*at++ = ':';
	*at++ = ' ';
	if (value.len > 0)
		memcpy(at, value.data, value.len);
	at += value.len;
	*at++ = '\r';
	*at++ = '\n';
	out->len = (size_t)(at - out->data);
}

void
http1_write_fields(struct buf *out, const struct headers *fields)
{
	for (size_t i = 0; i < fields->count; i++)
		http1_write_field(out, fields->items[i].name, fields->items[i].value);
}

void
http1_write_field_u64(struct buf *out, struct str name, uint64_t value)
{
	char digits[20];
	size_t at = sizeof(digits);

	do {
		digits[--at] = (char)('0' + value % 10);
		value /= 10;
	} while (value > 0);
	http1_write_field(out, name, (struct str){digits + at, sizeof(digits) - at});
}

void
http1_write_upgrade(struct buf *out, struct str protocol)
{
	buf_add_str(out, STR("Connection: Upgrade\r\n"));
	http1_write_field(out, STR("Upgrade"), protocol);
}

void
http1_write_end(struct buf *out)
{
	buf_add_str(out, STR("\r\n"));
}

size_t
http1_chunk_line(uint64_t len, char out[HTTP1_CHUNK_LINE_MAX])
{
	char digits[16];
	size_t at = sizeof(digits);

	do {
		digits[--at] = "0123456789abcdef"[len & 15];
		len >>= 4;
	} while (len > 0);
	size_t count = sizeof(digits) - at;
	memcpy(out, digits + at, count);
	out[count] = '\r';
	out[count + 1] = '\n';
	return count + 2;
}
