/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Copies an authority only when it has a dot to remove.
 */
#include "proxy/http/authority.h"

bool
authority_remove_dot(struct str *authority, bool *has_dot, struct arena *a, struct err *e)
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
