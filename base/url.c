/* SPDX-License-Identifier: Apache-2.0 */
/*
 * URLs as we need them: strict where we read settings and headers, and suspicious where a browser
 * is to be sent somewhere. Nothing is repaired or normalised except the case of scheme and host;
 * what two parsers might read in two ways is refused.
 */
#include "base/url.h"

#include "base/ascii.h"
#include "base/dns_name.h"
#include "base/net/ip.h"
#include "base/net/ports.h"

static bool
is_unreserved(char c)
{
	return ascii_is_alnum(c) || c == '-' || c == '.' || c == '_' || c == '~';
}

/* Decodes the three characters at the start of s ("%41"), or returns -1. */
static int
decode_triplet(struct str s)
{
	int high, low;

	if (s.len < 3 || s.data[0] != '%')
		return -1;
	high = ascii_hex_value(s.data[1]);
	low = ascii_hex_value(s.data[2]);
	return high < 0 || low < 0 ? -1 : high * 16 + low;
}

/* Whether browsers read a host with this last label as an IPv4 address ("1", "0x7f"). */
static bool
is_number_label(struct str label)
{
	size_t i = 0;

	if (str_starts_with_nocase(label, STR("0x"))) {
		for (i = 2; i < label.len && ascii_hex_value(label.data[i]) >= 0;)
			i++;
		return i == label.len;
	}
	while (i < label.len && ascii_is_digit(label.data[i]))
		i++;
	return i == label.len;
}

static bool
is_reg_name(struct str host)
{
	struct ip ip;

	if (!dns_is_name(host, DNS_LENIENT))
		return false;
	return !is_number_label(dns_last_label(host)) || (ip_parse(&ip, host) && ip.is_ipv4);
}

bool
url_split_authority(struct str text, struct str *host, uint16_t *port)
{
	struct str rest;
	struct ip ip;
	size_t end;

	*port = 0;
	if (str_starts_with(text, STR("["))) {
		end = str_find_byte(text, ']');
		if (end == SIZE_MAX)
			return false;
		*host = str_take(str_skip(text, 1), end - 1);
		rest = str_skip(text, end + 1);
		if (!ip_parse(&ip, *host) || ip.is_ipv4)
			return false;
	} else {
		end = str_find_byte(text, ':');
		*host = str_take(text, end);
		rest = end == SIZE_MAX ? STR_NONE : str_skip(text, end);
		if (!is_reg_name(*host))
			return false;
	}
	if (rest.len == 0)
		return true;
	return rest.data[0] == ':' && ports_parse_one(str_skip(rest, 1), port);
}

bool
url_is_same_origin(const struct url *a, const struct url *b)
{
	return str_equal(a->scheme, b->scheme) && str_equal(a->host, b->host) && a->port == b->port;
}

uint16_t
url_default_port(struct str scheme)
{
	if (str_equal_nocase(scheme, STR("https")))
		return 443;
	return str_equal_nocase(scheme, STR("http")) ? 80 : 0;
}

/* Finds a byte that is not allowed in any part of a URL (RFC 3986 appendix A). */
static const char *
find_bad_byte(struct str text)
{
	for (size_t i = 0; i < text.len; i++) {
		char c = text.data[i];

		if ((unsigned char)c <= 0x20 || (unsigned char)c == 0x7f)
			return "a space or control character";
		if ((unsigned char)c > 0x7e)
			return "a character outside ASCII";
		if (c == '\\')
			return "a backslash";
		if (c == '#')
			return "a fragment";
		if (memchr("\"<>^`{|}", c, 8) != NULL)
			return "a character that must be percent-encoded";
		if (c == '%' && decode_triplet(str_skip(text, i)) < 0)
			return "malformed percent-encoding";
	}
	return NULL;
}

static struct str
copy_lower(struct str s, struct arena *a)
{
	char *copy = arena_dup(a, s);

	if (copy == NULL)
		return STR_NONE;
	for (size_t i = 0; i < s.len; i++)
		copy[i] = ascii_to_lower(copy[i]);
	return (struct str){copy, s.len};
}

/* Removes "scheme://" from the text; scheme is a literal. */
static bool
take_scheme(struct str *text, struct str *scheme)
{
	if (str_starts_with_nocase(*text, STR("https://")))
		*scheme = STR("https");
	else if (str_starts_with_nocase(*text, STR("http://")))
		*scheme = STR("http");
	else
		return false;
	*text = str_skip(*text, scheme->len + 3);
	return true;
}

bool
url_parse(struct url *u, struct str text, struct arena *a, struct err *e)
{
	struct str authority, rest;
	const char *bad;
	char *copy;
	size_t end;

	*u = (struct url){.port = 0};
	if (text.len > URL_MAX_BYTES)
		return err_set(e, ERR_INPUT, "the URL is longer than %d bytes", URL_MAX_BYTES);
	bad = find_bad_byte(text);
	if (bad != NULL)
		return err_set(e, ERR_INPUT, "the URL contains %s", bad);
	if (!take_scheme(&text, &u->scheme))
		return err_set(e, ERR_INPUT, "the URL starts with neither https:// nor http://");
	for (end = 0; end < text.len && text.data[end] != '/' && text.data[end] != '?';)
		end++;
	authority = str_take(text, end);
	rest = str_skip(text, end);
	if (str_find_byte(authority, '@') != SIZE_MAX)
		return err_set(e, ERR_INPUT, "the URL contains a user name or password");
	if (!url_split_authority(authority, &u->host, &u->port))
		return err_set(e, ERR_INPUT, "the URL's host or port is malformed");
	if (u->port == 0)
		u->port = url_default_port(u->scheme);
	u->host_is_ipv6 = authority.data[0] == '[';
	u->host = copy_lower(u->host, a);
	copy = arena_dup(a, rest);
	if (u->host.data == NULL || copy == NULL)
		return err_set(e, ERR_MEMORY, "out of memory for the URL");
	rest.data = copy;
	end = str_find_byte(rest, '?');
	u->path = str_take(rest, end);
	u->query = end == SIZE_MAX ? STR_NONE : str_skip(rest, end + 1);
	return true;
}

bool
url_add_origin(const struct url *u, struct buf *out)
{
	buf_addf(out, u->host_is_ipv6 ? "%.*s://[%.*s]" : "%.*s://%.*s", STR_FMT(u->scheme),
		 STR_FMT(u->host));
	if (u->port != 0 && u->port != url_default_port(u->scheme))
		buf_addf(out, ":%u", (unsigned)u->port);
	return buf_is_ok(out);
}

char *
url_origin(const struct url *u, struct arena *a)
{
	struct buf text;
	char *copy = NULL;

	buf_init(&text, URL_MAX_BYTES);
	if (url_add_origin(u, &text))
		copy = arena_dup(a, buf_view(&text));
	buf_fini(&text);
	return copy;
}

char *
url_base(const struct url *u, struct arena *a)
{
	const char *origin = url_origin(u, a);
	struct str path = u->path;

	while (str_ends_with(path, STR("/")))
		path = str_take(path, path.len - 1);
	return origin == NULL ? NULL : arena_dup_two(a, str_from(origin), path);
}

bool
url_is_plain_path(struct str path)
{
	struct str rest = str_skip(path, 1);
	struct str part;

	if (path.len < 2 || path.data[0] != '/')
		return false;
	while (str_next(&rest, '/', &part))
		if (str_is_empty(part) || part.data[0] == '.' ||
		    !ascii_all_alnum_or(part, STR("-._~")))
			return false;
	return true;
}

bool
url_encode(struct buf *out, struct str s)
{
	static const char digits[] = "0123456789ABCDEF";

	for (size_t i = 0; i < s.len && buf_is_ok(out); i++) {
		unsigned char c = (unsigned char)s.data[i];
		char triplet[3] = {'%', digits[c >> 4], digits[c & 0xfu]};

		if (is_unreserved(s.data[i]))
			buf_add_byte(out, s.data[i]);
		else
			buf_add(out, triplet, sizeof(triplet));
	}
	return buf_is_ok(out);
}

/* Removes one character from the text, which is not empty, and decodes it; -1: malformed
 * encoding. */
static int
next_decoded(struct str *s, bool plus_is_space)
{
	char c = s->data[0];
	int value = (unsigned char)c;
	size_t len = 1;

	if (c == '%') {
		value = decode_triplet(*s);
		len = value < 0 ? 1 : 3;
	} else if (c == '+' && plus_is_space) {
		value = ' ';
	}
	*s = str_skip(*s, len);
	return value;
}

bool
url_decode(struct buf *out, struct str s, bool plus_is_space)
{
	size_t before = out->len;

	while (s.len > 0) {
		int value = next_decoded(&s, plus_is_space);

		if (value <= 0 || !buf_add_byte(out, (char)value)) {
			out->len = before;
			return false;
		}
	}
	return buf_is_ok(out);
}

static bool
is_name_encoded(struct str encoded, struct str name)
{
	size_t i = 0;

	while (encoded.len > 0) {
		int value = next_decoded(&encoded, true);

		if (i == name.len || value != (unsigned char)name.data[i])
			return false;
		i++;
	}
	return i == name.len;
}

size_t
url_query_find(struct str query, struct str name, struct str *value)
{
	struct str pair;
	size_t count = 0;

	*value = STR_NONE;
	while (str_next(&query, '&', &pair)) {
		size_t equals = str_find_byte(pair, '=');

		if (!is_name_encoded(str_take(pair, equals), name))
			continue;
		if (count == 0)
			*value = equals == SIZE_MAX ? STR_NONE : str_skip(pair, equals + 1);
		count++;
	}
	return count;
}

static bool
has_bad_character(struct str s, unsigned char first_allowed, unsigned char last_allowed)
{
	for (size_t i = 0; i < s.len; i++) {
		unsigned char c = (unsigned char)s.data[i];

		if (c < first_allowed || c == 0x7f || c > last_allowed)
			return true;
	}
	return false;
}

/* Browsers read '\' as '/' and remove dot segments, so "/.//host" becomes "//host": harmless as a
 * path, but not as the target of a later redirect. Browsers send neither. */
static bool
is_plain_path(struct str path)
{
	struct str segment;

	if (!str_starts_with(path, STR("/")) || str_starts_with(path, STR("//")) ||
	    str_find_byte(path, '\\') != SIZE_MAX || str_find(path, STR("/ ")) != SIZE_MAX ||
	    str_find(path, STR(" /")) != SIZE_MAX)
		return false;
	while (str_next(&path, '/', &segment)) {
		if (str_equal(segment, STR(".")) || str_equal(segment, STR("..")))
			return false;
	}
	return true;
}

/* Decodes well-formed escapes and keeps the rest. in and out may be the same memory. */
static struct str
decode_leniently(struct str s, char *out)
{
	size_t len = 0;

	while (s.len > 0) {
		int value = decode_triplet(s);

		out[len++] = value < 0 ? s.data[0] : (char)value;
		s = str_skip(s, value < 0 ? 1 : 3);
	}
	return (struct str){out, len};
}

/* Checks the text as it is, decoded, and decoded twice. Only the first decoding may produce
 * spaces. */
static bool
is_clean_when_decoded(struct str s, bool is_path)
{
	char decoded[URL_MAX_BYTES];

	for (int round = 0; round < 3; round++) {
		if (round == 2 && str_find(s, STR("%20")) != SIZE_MAX)
			return false;
		if (round > 0)
			s = decode_leniently(s, decoded);
		if (has_bad_character(s, round == 0 ? '!' : ' ', round == 0 ? 0x7e : 0xff))
			return false;
		if (is_path && !is_plain_path(s))
			return false;
	}
	return true;
}

bool
url_is_local_target(struct str target)
{
	size_t path_len;

	if (target.len == 0 || target.len > URL_MAX_BYTES)
		return false;
	for (path_len = 0;
	     path_len < target.len && target.data[path_len] != '?' && target.data[path_len] != '#';)
		path_len++;
	return is_clean_when_decoded(str_take(target, path_len), true) &&
	       is_clean_when_decoded(str_skip(target, path_len), false);
}
