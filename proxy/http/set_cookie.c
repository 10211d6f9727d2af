/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rewrites only the fields that have something to remove; all others stay byte for byte.
 */
#include "proxy/http/set_cookie.h"

static bool
is_parent(struct str domain, struct str host)
{
	if (domain.len > 0 && domain.data[0] == '.')
		domain = str_skip(domain, 1);
	return domain.len > 0 && domain.len < host.len &&
	       host.data[host.len - domain.len - 1] == '.' &&
	       str_equal_nocase(str_skip(host, host.len - domain.len), domain);
}

static bool
is_parent_domain(struct str attribute, struct str host)
{
	size_t equals = str_find_byte(attribute, '=');

	return equals != SIZE_MAX &&
	       str_equal_nocase(str_trim(str_take(attribute, equals)), STR("domain")) &&
	       is_parent(str_trim(str_skip(attribute, equals + 1)), host);
}

static bool
has_parent_domain(struct str value, struct str host)
{
	struct str part;

	if (!str_next(&value, ';', &part))
		return false;
	while (str_next(&value, ';', &part))
		if (is_parent_domain(part, host))
			return true;
	return false;
}

static bool
remove_domain(struct header *field, struct str host, struct arena *a)
{
	struct str rest = field->value;
	char *text = arena_alloc(a, rest.len);
	struct str part;
	size_t len = 0;

	if (text == NULL)
		return false;
	for (bool is_first = true; str_next(&rest, ';', &part); is_first = false) {
		if (!is_first && is_parent_domain(part, host))
			continue;
		if (!is_first)
			text[len++] = ';';
		memcpy(text + len, part.data, part.len);
		len += part.len;
	}
	field->value = str_trim((struct str){text, len});
	return true;
}

bool
set_cookie_confine(struct headers *h, struct str host, struct arena *a)
{
	size_t count = 0;

	for (size_t i = 0; i < h->count; i++) {
		struct header *field = &h->items[i];

		if (field->id == HEADER_OTHER &&
		    str_equal_nocase(field->name, STR("clear-site-data")))
			continue;
		if (field->id == HEADER_SET_COOKIE && has_parent_domain(field->value, host) &&
		    !remove_domain(field, host, a))
			return false;
		if (count < i)
			h->items[count] = *field;
		count++;
	}
	h->count = count;
	return true;
}
