/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads times as logs and settings write them.
 */
#ifndef BASE_CLOCK_PARSE_H
#define BASE_CLOCK_PARSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Reads a time at the beginning of text: a date and a time of RFC 3339 section 5.6, with a space
 * for the 'T', a comma for the point and no time zone (UTC then) allowed, as in many logs. Returns
 * how many bytes it took; 0: there is none. *has_zone may be NULL.
 */
size_t clock_parse_time(const char *text, size_t len, int64_t *wall_ms, bool *has_zone);

#endif
