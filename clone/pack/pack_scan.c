/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A state machine over a pack: its header; for each object the entry header, the base offset of a
 * delta, and the data; the trailer.
 */
#include "clone/pack/pack_scan.h"

#include <stdlib.h>
#include <string.h>

#include "clone/pack/pack_hash.h"
#include "clone/pack/pack_inflate.h"

#define SCRATCH_BYTES  65536u
#define KIND_OFS_DELTA 6u
#define KIND_REF_DELTA 7u
#define CONTINUES      0x80u
#define VERSION_NUMBER 2u
/* Maximum size of an object that is not a delta: no file system holds a larger file. */
#define OBJECT_SIZE_MAX INT64_MAX

enum scan_state { AT_HEADER, AT_HEAD, AT_DISTANCE, AT_DATA, AT_TRAILER, AT_END };

struct pack_scan {
	struct pack_table *table;
	struct pack_memory *memory;
	pack_scan_object_fn *on_object;
	void *arg;
	struct pack_inflate *inflate;
	struct pack_hash_stream *stream;
	enum scan_state state;
	uint64_t position;		      /* of the next byte */
	uint8_t gathered[PACK_TRAILER_BYTES]; /* bytes of header or trailer gathered so far */
	size_t gathered_len;
	struct pack_entry *entry; /* the current object */
	unsigned shift;		  /* in its size */
	unsigned type;
	uint64_t distance;
	uint64_t made;		  /* inflated so far */
	struct pack_block object; /* buffer of an object that is passed to on_object */
	bool is_held;
	bool is_unusual;
	uint8_t scratch[SCRATCH_BYTES];
};

struct pack_scan *
pack_scan_new(struct pack_table *table, struct pack_memory *memory, pack_scan_object_fn *on_object,
	      void *arg, struct err *e)
{
	struct pack_scan *s = calloc(1, sizeof(*s));

	if (s != NULL) {
		s->table = table;
		s->memory = memory;
		s->on_object = on_object;
		s->arg = arg;
		s->inflate = pack_inflate_new();
		s->stream = pack_hash_stream_new();
	}
	if (s == NULL || s->inflate == NULL || s->stream == NULL) {
		pack_scan_free(s);
		err_set(e, ERR_MEMORY, "out of memory to read a pack");
		return NULL;
	}
	return s;
}

void
pack_scan_free(struct pack_scan *s)
{
	if (s == NULL)
		return;
	pack_block_free(s->memory, &s->object);
	pack_inflate_free(s->inflate);
	pack_hash_stream_free(s->stream);
	free(s);
}

bool
pack_scan_is_complete(const struct pack_scan *s)
{
	return s->state == AT_END;
}

bool
pack_scan_is_unusual(const struct pack_scan *s)
{
	return s->is_unusual;
}

static bool
unusual(struct pack_scan *s, struct err *e, const char *what)
{
	s->is_unusual = true;
	return err_set(e, ERR_PROTOCOL, "%s", what);
}

/* Collects header or trailer bytes. True once there are `wanted` bytes. */
static bool
gather(struct pack_scan *s, size_t wanted, const uint8_t **data, size_t *len)
{
	size_t n = wanted - s->gathered_len;

	if (n > *len)
		n = *len;
	memcpy(s->gathered + s->gathered_len, *data, n);
	s->gathered_len += n;
	s->position += n;
	*data += n;
	*len -= n;
	if (s->gathered_len < wanted)
		return false;
	s->gathered_len = 0;
	return true;
}

static uint32_t
read_u32(const uint8_t *at)
{
	return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

static void
start_next(struct pack_scan *s)
{
	s->entry = NULL;
	s->state = AT_HEAD;
	if (s->table->count == s->table->declared) {
		s->table->end = s->position;
		s->state = AT_TRAILER;
	}
}

static bool
read_header(struct pack_scan *s, struct err *e)
{
	if (memcmp(s->gathered, "PACK", 4) != 0)
		return err_set(e, ERR_PROTOCOL, "not a pack");
	if (read_u32(s->gathered + 4) != VERSION_NUMBER)
		return unusual(s, e, "a pack of another version");
	s->table->declared = read_u32(s->gathered + 8);
	if (s->table->declared > PACK_OBJECTS_MAX)
		return err_set(e, ERR_LIMIT, "pack with more than %u objects", PACK_OBJECTS_MAX);
	start_next(s);
	return true;
}

static bool
start_data(struct pack_scan *s, struct err *e)
{
	struct pack_entry *entry = s->entry;

	entry->head_bytes = (uint8_t)(s->position - entry->offset);
	pack_inflate_reset(s->inflate);
	s->made = 0;
	s->state = AT_DATA;
	s->is_held = entry->base == PACK_NONE &&
		     (entry->kind != PACK_BLOB || entry->size <= PACK_SCAN_HELD_MAX);
	if (s->is_held && entry->size > PACK_SCAN_LINKED_MAX)
		return err_set(e, ERR_LIMIT, "tree, commit or tag of more than %u bytes",
			       PACK_SCAN_LINKED_MAX);
	if (s->is_held)
		return pack_block_alloc(s->memory, &s->object, (size_t)entry->size, e);
	return entry->base != PACK_NONE ||
	       pack_hash_stream_start(s->stream, (enum pack_kind)entry->kind, entry->size, e);
}

static bool
end_head(struct pack_scan *s, struct err *e)
{
	if (s->entry->size > OBJECT_SIZE_MAX)
		return err_set(e, ERR_LIMIT, "invalid object size");
	if (s->type == KIND_REF_DELTA)
		return unusual(s, e, "a delta that names its base by id");
	if (s->type == KIND_OFS_DELTA) {
		s->distance = 0;
		s->shift = 0;
		s->state = AT_DISTANCE;
		return true;
	}
	if (s->type < PACK_COMMIT || s->type > PACK_TAG)
		return err_set(e, ERR_PROTOCOL, "unknown object type");
	s->entry->kind = (uint8_t)s->type;
	return start_data(s, e);
}

static bool
read_head(struct pack_scan *s, uint8_t byte, struct err *e)
{
	if (s->entry == NULL) {
		s->entry = pack_table_add(s->table, e);
		if (s->entry == NULL)
			return false;
		s->entry->offset = s->position;
		s->entry->size = byte & 0x0fu;
		s->type = (byte >> 4) & 7u;
		s->shift = 4;
	} else {
		if (s->shift > 56)
			return err_set(e, ERR_LIMIT, "invalid object size");
		s->entry->size |= (uint64_t)(byte & 0x7fu) << s->shift;
		s->shift += 7;
	}
	s->position++;
	s->entry->crc = pack_crc32(s->entry->crc, &byte, 1);
	return (byte & CONTINUES) != 0 || end_head(s, e);
}

static bool
link_to_base(struct pack_scan *s, struct err *e)
{
	struct pack_table *t = s->table;
	struct pack_entry *base;

	if (s->distance == 0 || s->distance > s->entry->offset)
		return err_set(e, ERR_PROTOCOL, "delta base outside the pack");
	s->entry->base = pack_table_find(t, s->entry->offset - s->distance);
	if (s->entry->base == PACK_NONE)
		return err_set(e, ERR_PROTOCOL, "delta base is not an object");
	base = pack_at(t, s->entry->base);
	if (base->depth >= PACK_DEPTH_MAX)
		return unusual(s, e, "a very long chain of deltas");
	s->entry->depth = (uint16_t)(base->depth + 1);
	s->entry->kind = base->kind;
	s->entry->next_sibling = base->first_child;
	base->first_child = t->count - 1;
	t->deltas++;
	return start_data(s, e);
}

/* Reads an offset, whose encoding adds one with each further byte. */
static bool
read_distance(struct pack_scan *s, uint8_t byte, struct err *e)
{
	if (s->shift > 56)
		return err_set(e, ERR_PROTOCOL, "delta base outside the pack");
	if (s->shift > 0)
		s->distance++;
	s->distance = s->distance << 7 | (byte & 0x7fu);
	s->shift += 7;
	s->position++;
	s->entry->crc = pack_crc32(s->entry->crc, &byte, 1);
	return (byte & CONTINUES) != 0 || link_to_base(s, e);
}

static bool
end_data(struct pack_scan *s, struct err *e)
{
	if (s->made != s->entry->size)
		return err_set(e, ERR_PROTOCOL, "object is shorter than declared");
	if (s->is_held) {
		if (!s->on_object(s->table->count - 1, &s->object, s->arg, e))
			return false;
	} else if (s->entry->base == PACK_NONE &&
		   !pack_hash_stream_end(s->stream, s->entry->id, e)) {
		return false;
	}
	start_next(s);
	return true;
}

/* Inflates once, into the object or into the scratch buffer. */
static bool
read_data(struct pack_scan *s, const uint8_t **data, size_t *len, struct err *e)
{
	uint64_t left = s->entry->size - s->made;
	bool in_place = s->is_held && left > 0;
	uint8_t *out = in_place ? s->object.data + s->made : s->scratch;
	struct pack_inflate_io io = {*data, *len, out, in_place ? (size_t)left : SCRATCH_BYTES};
	enum pack_inflate_result result = pack_inflate_step(s->inflate, &io);
	size_t used = *len - io.in_len;
	size_t made = (size_t)(io.out - out);

	if (result == PACK_INFLATE_BAD)
		return err_set(e, ERR_PROTOCOL, "corrupt zlib stream of an object");
	if (made > left)
		return err_set(e, ERR_PROTOCOL, "object is longer than declared");
	s->entry->crc = pack_crc32(s->entry->crc, *data, used);
	s->made += made;
	s->position += used;
	*data = io.in;
	*len = io.in_len;
	if (!s->is_held && s->entry->base == PACK_NONE && made > 0 &&
	    !pack_hash_stream_add(s->stream, out, made, e))
		return false;
	return result != PACK_INFLATE_END || end_data(s, e);
}

static bool
step(struct pack_scan *s, const uint8_t **data, size_t *len, struct err *e)
{
	switch (s->state) {
	case AT_HEADER:
		return !gather(s, PACK_HEADER_BYTES, data, len) || read_header(s, e);
	case AT_HEAD:
		(*len)--;
		return read_head(s, *(*data)++, e);
	case AT_DISTANCE:
		(*len)--;
		return read_distance(s, *(*data)++, e);
	case AT_DATA:
		return read_data(s, data, len, e);
	case AT_TRAILER:
		if (gather(s, PACK_TRAILER_BYTES, data, len)) {
			memcpy(s->table->trailer, s->gathered, PACK_TRAILER_BYTES);
			s->state = AT_END;
		}
		return true;
	case AT_END:
		return err_set(e, ERR_PROTOCOL, "trailing bytes after the pack");
	}
	return false;
}

bool
pack_scan_feed(struct pack_scan *s, const uint8_t *data, size_t len, struct err *e)
{
	while (len > 0) {
		if (!step(s, &data, &len, e))
			return false;
	}
	return true;
}
