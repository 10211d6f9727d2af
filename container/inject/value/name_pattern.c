/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Checks name patterns, and fills in the name.
 */
#include "container/inject/value/name_pattern.h"

#include "base/dns_name.h"

#define PLACEHOLDER	 "{name}"
#define FILLED_MAX_BYTES 1024u

/* Appends the pattern with the name in place of each placeholder. */
static void
add_filled(struct buf *out, struct str pattern, struct str name)
{
	while (pattern.len > 0) {
		bool is_placeholder = str_starts_with(pattern, STR(PLACEHOLDER));
		if (is_placeholder)
			buf_add_str(out, name);
		else
			buf_add_byte(out, pattern.data[0]);
		pattern = str_skip(pattern, is_placeholder ? sizeof(PLACEHOLDER) - 1 : 1);
	}
}

bool
name_pattern_is_valid(struct str pattern)
{
	struct buf filled;

	buf_init(&filled, FILLED_MAX_BYTES);
	add_filled(&filled, pattern, STR("x"));
	bool ok = pattern.len > 0 && buf_is_ok(&filled) &&
		  dns_is_name(buf_view(&filled), DNS_CANONICAL);
	buf_fini(&filled);
	return ok;
}

const char *
name_pattern_fill(const char *pattern, struct str name, struct arena *arena)
{
	struct buf filled;

	buf_init(&filled, FILLED_MAX_BYTES);
	add_filled(&filled, str_from(pattern), name);
	const char *text = buf_is_ok(&filled) ? arena_dup(arena, buf_view(&filled)) : NULL;
	buf_fini(&filled);
	return text;
}
