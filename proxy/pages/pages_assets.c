/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The inline style and script of our pages. The build turns each line of the files in
 * proxy/pages/assets into a string literal.
 */
#include <stdlib.h>

#include "proxy/pages/pages_private.h"

#define ASSET_MAX_BYTES 49152u

static const char *const style_lines[] = {
#include "proxy/pages/assets/page.css.inc"
};

static const char *const script_lines[] = {
#include "proxy/pages/assets/log.js.inc"
#include "proxy/pages/assets/page.js.inc"
#include "proxy/pages/assets/ports.js.inc"
#include "proxy/pages/assets/share.js.inc"
};

static char *
join_lines(const char *const *lines, size_t count)
{
	struct buf text;
	char *joined;

	buf_init(&text, ASSET_MAX_BYTES);
	for (size_t i = 0; i < count; i++)
		buf_add_str(&text, str_from(lines[i]));
	joined = buf_is_ok(&text) ? str_dup(buf_view(&text)) : NULL;
	buf_fini(&text);
	return joined;
}

char *
pages_style_new(void)
{
	return join_lines(style_lines, sizeof(style_lines) / sizeof(style_lines[0]));
}

char *
pages_script_new(void)
{
	return join_lines(script_lines, sizeof(script_lines) / sizeof(script_lines[0]));
}
