/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Keeps warnings that repeat from filling the log: of each message so many lines in a period, then
 * one that says how many were left out. Knows messages by their address: they are literals.
 */
#ifndef BASE_LOG_REPEATS_H
#define BASE_LOG_REPEATS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LOG_REPEATS_PERIOD_MS 10000u
#define LOG_REPEATS_LINES     100u /* of one message in a period */
#define LOG_REPEATS_MESSAGES  64u  /* that are told apart; further ones are not limited */

struct log_repeats {
	struct log_repeat {
		const char *message;
		uint64_t since_ms;
		uint64_t lines;
	} items[LOG_REPEATS_MESSAGES];
	size_t count;
	size_t limited; /* messages of which lines are being left out */
};

/* Whether this line may be written. */
bool log_repeats_admit(struct log_repeats *r, const char *message, uint64_t now_ms);

/* Takes one message whose period is over, and how many lines of it were left out; NULL when there
 * is none. all: also where the period is not over. */
const char *log_repeats_take(struct log_repeats *r, uint64_t now_ms, bool all, uint64_t *left_out);

#endif
