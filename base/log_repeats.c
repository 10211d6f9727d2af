/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See log_repeats.h. A message stays in the table: there are only as many as the program has.
 */
#include "base/log_repeats.h"

static struct log_repeat *
find(struct log_repeats *r, const char *message)
{
	for (size_t i = 0; i < r->count; i++)
		if (r->items[i].message == message)
			return &r->items[i];
	if (r->count == LOG_REPEATS_MESSAGES)
		return NULL;
	r->items[r->count].message = message;
	return &r->items[r->count++];
}

static bool
is_over(const struct log_repeat *item, uint64_t now_ms)
{
	return item->lines == 0 || now_ms - item->since_ms >= LOG_REPEATS_PERIOD_MS;
}

bool
log_repeats_admit(struct log_repeats *r, const char *message, uint64_t now_ms)
{
	struct log_repeat *item = find(r, message);

	if (item == NULL)
		return true;
	/* One that is limited begins anew once it has been taken. */
	if (item->lines <= LOG_REPEATS_LINES && is_over(item, now_ms)) {
		item->since_ms = now_ms;
		item->lines = 0;
	}
	item->lines++;
	if (item->lines == LOG_REPEATS_LINES + 1)
		r->limited++;
	return item->lines <= LOG_REPEATS_LINES;
}

const char *
log_repeats_take(struct log_repeats *r, uint64_t now_ms, bool all, uint64_t *left_out)
{
	for (size_t i = 0; i < r->count && r->limited > 0; i++) {
		struct log_repeat *item = &r->items[i];

		if (item->lines <= LOG_REPEATS_LINES || !(all || is_over(item, now_ms)))
			continue;
		*left_out = item->lines - LOG_REPEATS_LINES;
		item->lines = 0;
		r->limited--;
		return item->message;
	}
	return NULL;
}
