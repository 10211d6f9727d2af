/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Escapes text for HTML.
 */
#include "proxy/pages/pages_private.h"

static void
add_escaped_byte(struct buf *out, char byte)
{
	unsigned char c = (unsigned char)byte;

	if (byte == '&')
		buf_add_str(out, STR("&amp;"));
	else if (byte == '<')
		buf_add_str(out, STR("&lt;"));
	else if (byte == '>')
		buf_add_str(out, STR("&gt;"));
	else if (byte == '"')
		buf_add_str(out, STR("&quot;"));
	else if (byte == '\'')
		buf_add_str(out, STR("&#39;"));
	else
		buf_add_byte(out, c < 0x20 || c == 0x7f ? ' ' : byte);
}

void
pages_add_text(struct buf *out, struct str text)
{
	for (size_t i = 0; i < text.len; i++)
		add_escaped_byte(out, text.data[i]);
}

void
pages_add_between(struct buf *out, const char *before, struct str text, const char *after)
{
	buf_add_str(out, str_from(before));
	pages_add_text(out, text);
	buf_add_str(out, str_from(after));
}

void
pages_add_identity(struct buf *out, const struct auth_identity *identity)
{
	if (str_is_empty(identity->username))
		return;
	/* <bdi>: a right-to-left name must not reorder the sentence around it. */
	if (!str_is_empty(identity->name))
		pages_add_between(out, "<strong><bdi>", identity->name, "</bdi></strong> ");
	pages_add_between(out, "<bdi>@", identity->username, "</bdi>");
}
