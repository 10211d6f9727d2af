/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The two clocks: monotonic for durations and deadlines, wall for what other machines see.
 *
 * Seconds and milliseconds are those of the kernel's last tick: up to 10 ms old, or older where a
 * virtual machine did not get its core; reading them costs next to nothing. Microseconds are read
 * from the hardware, so a reading in milliseconds may be earlier than a previous reading in
 * microseconds.
 */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

uint64_t clock_monotonic_ms(void);
uint64_t clock_monotonic_us(void);
int64_t clock_wall_s(void); /* seconds since 1970 UTC */
int64_t clock_wall_ms(void);
int64_t clock_wall_us(void);

/* Formats as RFC 3339: "2026-01-31T12:00:00.123Z". size is at least CLOCK_RFC3339_SIZE. */
#define CLOCK_RFC3339_SIZE 32
void clock_format_rfc3339(int64_t wall_ms, char *out, size_t size);

/* Formats as IMF-fixdate (RFC 9110 section 5.6.7): "Sun, 06 Nov 1994 08:49:37 GMT". */
#define CLOCK_HTTP_DATE_SIZE 32
void clock_format_http_date(int64_t wall_s, char *out, size_t size);

#endif
