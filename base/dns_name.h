/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Syntax of DNS labels and of host names made of them, without a dot at the end.
 */
#ifndef BASE_DNS_NAME_H
#define BASE_DNS_NAME_H

#include "base/str.h"

#define DNS_LABEL_MAX 63u  /* RFC 1035 section 2.3.4 */
#define DNS_NAME_MAX  253u /* RFC 1035 section 2.3.4: as text, without the root label */

enum dns_charset {
	/* Lower-case letters, digits and '-' (RFC 1123 section 2.1), so that each name has one
	 * spelling. */
	DNS_CANONICAL,
	/* Upper-case letters and '_' too, which occur in URLs. */
	DNS_LENIENT,
};

/* 1 to DNS_LABEL_MAX characters, no '-' at either end. */
bool dns_is_label(struct str s, enum dns_charset charset);

/* Whether name consists of labels separated by single dots and has at most DNS_NAME_MAX bytes. */
bool dns_is_name(struct str s, enum dns_charset charset);

/* Returns the part after the last dot, or the whole name when it has no dot. */
struct str dns_last_label(struct str name);

#endif
