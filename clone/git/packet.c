/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads and writes packet lines.
 */
#include "clone/git/packet.h"

#include "base/ascii.h"

bool
packet_length(struct str s, size_t *len)
{
	*len = 0;
	for (size_t i = 0; i < PACKET_HEAD_BYTES; i++) {
		int value = i < s.len ? ascii_lower_hex_value(s.data[i]) : -1;

		if (value < 0)
			return false;
		*len = *len << 4 | (size_t)value;
	}
	return *len != 3;
}

bool
packet_next(struct str *rest, struct str *text)
{
	size_t len;

	if (!packet_length(*rest, &len))
		return false;
	if (len < PACKET_HEAD_BYTES)
		len = PACKET_HEAD_BYTES;
	if (len > rest->len)
		return false;
	*text = str_skip(str_take(*rest, len), PACKET_HEAD_BYTES);
	if (str_ends_with(*text, STR("\n")))
		text->len--;
	*rest = str_skip(*rest, len);
	return true;
}

bool
packet_add(struct buf *out, struct str text)
{
	return buf_addf(out, "%04zx", text.len + PACKET_HEAD_BYTES) && buf_add_str(out, text);
}
