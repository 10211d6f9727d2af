/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One pass of iconv into a growing buffer, without a final reset of the shift state, as in git.
 */
#include "clone/checkout/convert_encoding.h"

#include <errno.h>
#include <iconv.h>
#include <strings.h>

#define ROOM_MIN 64u

/* After "utf" and an optional '-': "16le-bom" in any case. */
static bool
is_utf(const char *encoding, const char *rest)
{
	if (strncasecmp(encoding, "utf", 3) != 0)
		return false;
	encoding += encoding[3] == '-' ? 4 : 3;
	return strcasecmp(encoding, rest) == 0;
}

/* False: there is none. */
static bool
open_converter(const char *encoding, iconv_t *converter)
{
	/* NOLINTBEGIN(performance-no-int-to-ptr): POSIX's value for failure */
	*converter = iconv_open(encoding, "UTF-8");
	if (*converter == (iconv_t)-1 && strcasecmp(encoding, "latin-1") == 0)
		*converter = iconv_open("ISO-8859-1", "UTF-8");
	return *converter != (iconv_t)-1;
	/* NOLINTEND(performance-no-int-to-ptr) */
}

static enum convert_result
run_converter(iconv_t converter, struct str in, struct buf *out)
{
	/* POSIX has it without const, though it is not written to.
	 * NOLINTNEXTLINE(performance-no-int-to-ptr) */
	char *from = (char *)(uintptr_t)in.data;
	size_t left = in.len;
	size_t room = in.len;

	for (;;) {
		char *to;
		size_t free_bytes;
		size_t result;

		if (!buf_reserve(out, room + ROOM_MIN))
			return CONVERT_FAILED;
		to = out->data + out->len;
		free_bytes = out->size - out->len;
		result = iconv(converter, &from, &left, &to, &free_bytes);
		out->len = (size_t)(to - out->data);
		if (result != (size_t)-1)
			return out->len <= out->max ? CONVERT_CHANGED : CONVERT_FAILED;
		if (errno != E2BIG)
			return CONVERT_NOT_ENCODED;
		room = 2 * left;
	}
}

enum convert_result
convert_encoding(const char *encoding, struct str in, struct buf *out)
{
	iconv_t converter;
	enum convert_result result;

	if (is_utf(encoding, "16le-bom")) {
		encoding = "UTF-16LE";
		buf_add(out, "\xff\xfe", 2);
	} else if (is_utf(encoding, "16be-bom")) {
		encoding = "UTF-16BE";
		buf_add(out, "\xfe\xff", 2);
	}
	if (!open_converter(encoding, &converter))
		return CONVERT_NOT_ENCODED;
	result = buf_is_ok(out) ? run_converter(converter, in, out) : CONVERT_FAILED;
	(void)iconv_close(converter);
	return result;
}
