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
 * Reads a date and time of RFC 3339 section 5.6 at the beginning of text. As many logs do, it may
 * have a space for the 'T', a comma for the point, and no time zone, which means UTC. Returns the
 * number of bytes read; 0: there is no time. has_zone may be NULL.
 */
size_t clock_parse_time(const char *text, size_t len, int64_t *wall_ms, bool *has_zone);

#endif
