/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Filters the listing of refs, one packet after the other.
 */
#include "clone/git/ref_listing.h"

#include "base/ascii.h"
#include "clone/git/packet.h"

#define TEXT_MAX_BYTES (1024u * 1024u)
#define ID_DIGITS      40u

void
ref_listing_init(struct ref_listing *l)
{
	*l = (struct ref_listing){.ready = 0};
	buf_init(&l->text, TEXT_MAX_BYTES);
}

void
ref_listing_fini(struct ref_listing *l)
{
	buf_fini(&l->text);
}

bool
ref_listing_is_shallow(struct str line, struct str *id)
{
	if (!str_starts_with(line, STR("shallow ")))
		return false;
	*id = str_take(str_skip(line, sizeof("shallow ") - 1), ID_DIGITS);
	return id->len == ID_DIGITS && ascii_all_lower_hex(*id);
}

/* Reads the capabilities, which follow the first ref after a NUL. */
static void
note_capabilities(struct ref_listing *l, struct str packet)
{
	size_t end = str_find_byte(packet, '\0');
	struct str all = str_skip(packet, end == SIZE_MAX ? packet.len : end + 1);
	struct str one;

	if (str_ends_with(all, STR("\n")))
		all.len--;
	while (str_next(&all, ' ', &one)) {
		if (str_equal(one, STR("object-format=sha256")))
			l->is_sha256 = true;
		else if (str_equal(one, STR("allow-reachable-sha1-in-want")))
			l->takes_ids = true;
	}
}

/* Handles one packet. False: *shallow is full. */
static bool
note_packet(struct ref_listing *l, struct str packet, struct buf *shallow, bool *is_shallow)
{
	struct str id;

	*is_shallow = ref_listing_is_shallow(str_skip(packet, PACKET_HEAD_BYTES), &id);
	if (*is_shallow)
		return buf_add_str(shallow, id) && buf_add_byte(shallow, '\n');
	note_capabilities(l, packet);
	return true;
}

/* Moves complete packets to the part that is ready, without those that are removed. */
static bool
scan(struct ref_listing *l, struct buf *shallow)
{
	size_t at = l->ready;
	bool ok = true;
	bool is_shallow;
	size_t len;

	while (ok && l->text.len - at >= PACKET_HEAD_BYTES) {
		struct str rest = str_skip(buf_view(&l->text), at);

		l->is_broken = !packet_length(rest, &len);
		if (l->is_broken)
			break;
		if (len < PACKET_HEAD_BYTES)
			len = PACKET_HEAD_BYTES;
		if (rest.len < len)
			break;
		ok = note_packet(l, str_take(rest, len), shallow, &is_shallow);
		if (!is_shallow) {
			memmove(l->text.data + l->ready, rest.data, len);
			l->ready += len;
		}
		at += len;
	}
	memmove(l->text.data + l->ready, l->text.data + at, l->text.len - at);
	l->text.len -= at - l->ready;
	return ok;
}

bool
ref_listing_add(struct ref_listing *l, struct str received, struct buf *shallow)
{
	l->received += received.len;
	if (!buf_add_str(&l->text, received))
		return false;
	if (!l->is_broken && l->text.len > 0 && !scan(l, shallow))
		return false;
	if (l->is_broken || received.len == 0)
		l->ready = l->text.len;
	return true;
}

size_t
ref_listing_take(struct ref_listing *l, char *out, size_t size)
{
	size_t len = l->ready < size ? l->ready : size;

	if (len == 0)
		return 0;
	memcpy(out, l->text.data, len);
	buf_consume(&l->text, len);
	l->ready -= len;
	return len;
}
