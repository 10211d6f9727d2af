/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Encoding of UTF-8 content by the C library's iconv, with git's own names for UTF-16 with a byte
 * order mark.
 */
#ifndef CLONE_CHECKOUT_CONVERT_ENCODING_H
#define CLONE_CHECKOUT_CONVERT_ENCODING_H

#include "clone/checkout/convert.h"

/* CONVERT_CHANGED, CONVERT_NOT_ENCODED (the encoding is unknown, or `in` has bytes that are no
 * UTF-8 or characters that it lacks) or CONVERT_FAILED. */
enum convert_result convert_encoding(const char *encoding, struct str in, struct buf *out);

#endif
