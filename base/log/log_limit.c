/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Counts lines for each message. Entries are never removed: the program has few messages.
 */
#include "base/log/log_limit.h"

static struct log_limit_entry *
find(struct log_limit *r, const char *message)
{
	for (size_t i = 0; i < r->count; i++)
		if (r->items[i].message == message)
			return &r->items[i];
	if (r->count == LOG_LIMIT_MESSAGES)
		return NULL;
	r->items[r->count].message = message;
	return &r->items[r->count++];
}

static bool
is_over(const struct log_limit_entry *item, uint64_t now_ms)
{
	return item->lines == 0 || now_ms - item->since_ms >= LOG_LIMIT_PERIOD_MS;
}

bool
log_limit_admit(struct log_limit *r, const char *message, uint64_t now_ms)
{
	struct log_limit_entry *item = find(r, message);

	if (item == NULL)
		return true;
	/* A limited message starts a new period only after log_limit_take has reported it. */
	if (item->lines <= LOG_LIMIT_LINES && is_over(item, now_ms)) {
		item->since_ms = now_ms;
		item->lines = 0;
	}
	item->lines++;
	if (item->lines == LOG_LIMIT_LINES + 1)
		r->limited++;
	return item->lines <= LOG_LIMIT_LINES;
}

const char *
log_limit_take(struct log_limit *r, uint64_t now_ms, bool all, uint64_t *left_out)
{
	for (size_t i = 0; i < r->count && r->limited > 0; i++) {
		struct log_limit_entry *item = &r->items[i];

		if (item->lines <= LOG_LIMIT_LINES || !(all || is_over(item, now_ms)))
			continue;
		*left_out = item->lines - LOG_LIMIT_LINES;
		item->lines = 0;
		r->limited--;
		return item->message;
	}
	return NULL;
}
