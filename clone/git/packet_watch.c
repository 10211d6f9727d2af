/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Needed because libgit2 1.5 reports a server's error among pack data as a truncated pack.
 */
#include "clone/git/packet_watch.h"

#include "base/clock.h"

#define BAND_DATA  '\1'
#define BAND_ERROR '\3'

bool
packet_is_error(struct str payload, struct str *text)
{
	if (!str_starts_with(payload, STR("ERR ")))
		return false;
	*text = str_skip(payload, sizeof("ERR ") - 1);
	return true;
}

/* Handles a complete packet. True: it is an error. */
static bool
ends_in_error(const struct packet_watch *w, struct str *text)
{
	size_t len = w->len < sizeof(w->start) ? w->len : sizeof(w->start);
	struct str payload = str_skip((struct str){w->start, len}, PACKET_HEAD_BYTES);

	if (packet_is_error(payload, text))
		return true;
	*text = str_skip(payload, 1);
	return !str_is_empty(payload) && payload.data[0] == BAND_ERROR;
}

/* An empty packet of the data band is a keep-alive. */
static void
count(struct packet_watch *w)
{
	if (w->size > PACKET_HEAD_BYTES + 1 && w->start[PACKET_HEAD_BYTES] == BAND_DATA)
		w->data_packets++;
	else
		w->message_bytes += w->size > PACKET_HEAD_BYTES ? w->size : PACKET_HEAD_BYTES;
}

/* Removes the bytes of the current packet from *data. */
static void
take(struct packet_watch *w, struct str *data, size_t end)
{
	size_t len = end - w->len < data->len ? end - w->len : data->len;

	if (w->len < sizeof(w->start))
		memcpy(w->start + w->len, data->data,
		       len < sizeof(w->start) - w->len ? len : sizeof(w->start) - w->len);
	w->len += len;
	*data = str_skip(*data, len);
}

bool
packet_watch_add(struct packet_watch *w, struct str data, struct str *text)
{
	while (!str_is_empty(data) && !w->is_off) {
		bool is_error;

		take(w, &data, w->len < PACKET_HEAD_BYTES ? PACKET_HEAD_BYTES : w->size);
		if (w->len == PACKET_HEAD_BYTES &&
		    !packet_length((struct str){w->start, PACKET_HEAD_BYTES}, &w->size))
			w->is_off = true;
		if (w->len < PACKET_HEAD_BYTES || w->len < w->size)
			continue;
		is_error = ends_in_error(w, text);
		count(w);
		w->len = 0;
		if (is_error)
			return true;
	}
	return false;
}

bool
packet_watch_lacks_data(struct packet_watch *w, uint64_t max_ms)
{
	uint64_t now_ms = clock_monotonic_ms();

	if (w->seen_ms == 0 || w->is_off || w->data_packets != w->seen_packets) {
		w->seen_packets = w->data_packets;
		w->seen_ms = now_ms;
	}
	return w->message_bytes > PACKET_MESSAGES_MAX || now_ms - w->seen_ms > max_ms;
}
