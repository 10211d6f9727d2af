/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Checks DNS labels and names, for all modules.
 */
#include "base/dns_name.h"

#include "base/ascii.h"

static bool
is_label_char(char c, enum dns_charset charset)
{
	if (ascii_is_lower(c) || ascii_is_digit(c) || c == '-')
		return true;
	return charset == DNS_LENIENT && (ascii_is_alpha(c) || c == '_');
}

bool
dns_is_label(struct str s, enum dns_charset charset)
{
	for (size_t i = 0; i < s.len; i++)
		if (!is_label_char(s.data[i], charset))
			return false;
	return s.len > 0 && s.len <= DNS_LABEL_MAX && s.data[0] != '-' && s.data[s.len - 1] != '-';
}

bool
dns_is_name(struct str s, enum dns_charset charset)
{
	size_t begin = 0; /* of the label */

	if (s.len > DNS_NAME_MAX)
		return false;
	for (size_t i = 0; i < s.len; i++) {
		if (s.data[i] != '.')
			continue;
		if (!dns_is_label(str_take(str_skip(s, begin), i - begin), charset))
			return false;
		begin = i + 1;
	}
	return dns_is_label(str_skip(s, begin), charset);
}

struct str
dns_last_label(struct str name)
{
	size_t at = name.len;

	while (at > 0 && name.data[at - 1] != '.')
		at--;
	return str_skip(name, at);
}
