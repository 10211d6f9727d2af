/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Syntax of DNS labels and of host names made of them, without a dot at the end.
 */
#ifndef BASE_DNS_NAME_H
#define BASE_DNS_NAME_H

#include "base/str.h"

#define DNS_LABEL_MAX 63u  /* RFC 1035 section 2.3.4 */
#define DNS_NAME_MAX  253u /* the same, as text without the root */

enum dns_charset {
	/* Lower-case letters, digits and '-' (RFC 1123 section 2.1): one spelling for each name. */
	DNS_CANONICAL,
	/* Upper case and '_' as well, which occur in URLs. */
	DNS_LENIENT,
};

/* 1 to DNS_LABEL_MAX characters, no '-' at either end. */
bool dns_is_label(struct str s, enum dns_charset charset);

/* Labels with single dots between, DNS_NAME_MAX bytes at most. */
bool dns_is_name(struct str s, enum dns_charset charset);

/* What follows the last dot, or all of it. */
struct str dns_last_label(struct str name);

#endif
