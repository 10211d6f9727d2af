/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rate limit for repeated warnings: a maximum number of lines of each message in a period, then
 * one line with the number of suppressed lines. Messages are string literals, identified by their
 * address.
 */
#ifndef BASE_LOG_LOG_LIMIT_H
#define BASE_LOG_LOG_LIMIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LOG_LIMIT_PERIOD_MS 10000u
#define LOG_LIMIT_LINES	    100u /* of one message in a period */
#define LOG_LIMIT_MESSAGES  64u	 /* limited separately; further ones are not limited */

struct log_limit {
	struct log_limit_entry {
		const char *message;
		uint64_t since_ms;
		uint64_t lines;
	} items[LOG_LIMIT_MESSAGES];
	size_t count;
	size_t limited; /* messages of which lines are being left out */
};

/* Whether this line may be written. */
bool log_limit_admit(struct log_limit *r, const char *message, uint64_t now_ms);

/* Takes one message whose period is over, and how many lines of it were left out; NULL when there
 * is none. all: also where the period is not over. */
const char *log_limit_take(struct log_limit *r, uint64_t now_ms, bool all, uint64_t *left_out);

#endif
