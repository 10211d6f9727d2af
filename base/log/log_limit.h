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
#define LOG_LIMIT_MESSAGES  64u	 /* limited separately; further messages are not limited */

struct log_limit {
	struct log_limit_entry {
		const char *message;
		uint64_t since_ms;
		uint64_t lines;
	} items[LOG_LIMIT_MESSAGES];
	size_t count;
	size_t limited; /* messages with suppressed lines */
};

/* Whether to write this line. */
bool log_limit_admit(struct log_limit *r, const char *message, uint64_t now_ms);

/* Removes a message whose period is over, with the number of suppressed lines; NULL: there is none.
 * all: includes messages whose period is not over. */
const char *log_limit_take(struct log_limit *r, uint64_t now_ms, bool all, uint64_t *left_out);

#endif
