/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Records are stored one after the other, each with a header; no record wraps around the end of
 * the memory.
 */
#include "base/log/log_ring.h"

struct head {
	int64_t time_ms;
	/* With this header, padded to its alignment; 0: unused until the end of the ring. */
	uint16_t size;
	uint16_t message_bytes;
	uint16_t fields_bytes;
	uint8_t level;
	uint8_t source;
};

_Static_assert(LOG_LINE_MAX + 2 * sizeof(struct head) <= UINT16_MAX, "lengths fit their fields");
_Static_assert(LOG_RING_BYTES % sizeof(struct head) == 0, "a head always fits at the end");
_Static_assert(LOG_RING_BYTES >= 4 * LOG_LINE_MAX, "several of the longest lines fit");

static size_t
offset_of(uint64_t position)
{
	return (size_t)(position % LOG_RING_BYTES);
}

static size_t
round_up(size_t bytes)
{
	return (bytes + sizeof(struct head) - 1) / sizeof(struct head) * sizeof(struct head);
}

/* Returns the position after the record, or after the unused end of the ring. */
static uint64_t
skip(const struct log_ring *r, uint64_t position, struct head *h)
{
	size_t at = offset_of(position);

	memcpy(h, r->data + at, sizeof(*h));
	return position + (h->size > 0 ? h->size : LOG_RING_BYTES - at);
}

static void
make_room(struct log_ring *r, size_t bytes)
{
	struct head h;

	while (r->end + bytes - r->begin > LOG_RING_BYTES) {
		r->begin = skip(r, r->begin, &h);
		r->replaced += h.size > 0;
	}
}

/* Skips the rest of the memory if it is shorter than this many bytes. */
static void
leave_gap(struct log_ring *r, size_t bytes)
{
	static const struct head gap = {.size = 0};
	size_t left = LOG_RING_BYTES - offset_of(r->end);

	if (left >= bytes)
		return;
	make_room(r, left);
	memcpy(r->data + offset_of(r->end), &gap, sizeof(gap));
	r->end += left;
}

static void
copy(char *to, struct str from)
{
	if (from.len > 0)
		memcpy(to, from.data, from.len);
}

void
log_ring_add(struct log_ring *r, const struct log_record *record)
{
	size_t bytes = record->message.len + record->fields.len;
	struct head h = {
		.time_ms = record->time_ms,
		.size = (uint16_t)round_up(sizeof(h) + bytes),
		.message_bytes = (uint16_t)record->message.len,
		.fields_bytes = (uint16_t)record->fields.len,
		.level = (uint8_t)record->level,
		.source = (uint8_t)record->source,
	};

	if (bytes > LOG_LINE_MAX)
		return;
	leave_gap(r, h.size);
	make_room(r, h.size);
	char *at = r->data + offset_of(r->end);
	memcpy(at, &h, sizeof(h));
	copy(at + sizeof(h), record->message);
	copy(at + sizeof(h) + record->message.len, record->fields);
	r->end += h.size;
}

bool
log_ring_read(const struct log_ring *r, uint64_t *position, struct log_record *record)
{
	struct head h = {.size = 0};
	uint64_t at = *position > r->begin ? *position : r->begin;
	uint64_t next = at;

	while (h.size == 0) {
		at = next;
		if (at >= r->end)
			return false;
		next = skip(r, at, &h);
	}
	const char *data = r->data + offset_of(at) + sizeof(h);
	*record = (struct log_record){
		.time_ms = h.time_ms,
		.level = (enum log_level)h.level,
		.source = (enum log_source)h.source,
		.message = {data, h.message_bytes},
		.fields = {data + h.message_bytes, h.fields_bytes},
	};
	*position = next;
	return true;
}
