/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A sharded hash set of ids, one lock per shard. The hash is keyed because the author of a tree
 * chooses its ids freely.
 */
#include "clone/pack/pack_links.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/ascii.h"
#include "base/crypto/crypto.h"

#define SHARDS	     64u
#define SHARD_BITS   6u
#define SLOTS_FIRST  1024u
#define WORDS	     5u
#define CACHE_BITS   14u
#define HEX_DIGITS   40u
#define MODE_GITLINK 0160000u

enum slot_state { SLOT_EMPTY, SLOT_NAMED, SLOT_FOUND };

struct link_slot {
	uint8_t id[PACK_ID_BYTES];
	uint32_t state;
};

struct shard {
	pthread_mutex_t lock;
	struct link_slot *slots;
	size_t size; /* a power of two */
	size_t count;
};

struct pack_links {
	const struct pack_table *table;
	uint64_t keys[WORDS];
	atomic_uint_fast64_t count; /* ids in all shards */
	uint8_t (*shallow)[PACK_ID_BYTES];
	size_t shallow_count;
	struct shard shards[SHARDS];
};

struct pack_links_writer {
	struct pack_links *links;
	uint8_t cache[1u << CACHE_BITS][PACK_ID_BYTES];
};

struct pack_links *
pack_links_new(const struct pack_table *table, struct err *e)
{
	struct pack_links *l = err_alloc(e, sizeof(*l), "out of memory for object references");

	if (l == NULL)
		return NULL;
	l->table = table;
	for (unsigned i = 0; i < SHARDS; i++)
		pthread_mutex_init(&l->shards[i].lock, NULL);
	crypto_random(l->keys, sizeof(l->keys));
	return l;
}

void
pack_links_free(struct pack_links *l)
{
	if (l == NULL)
		return;
	for (unsigned i = 0; i < SHARDS; i++) {
		pthread_mutex_destroy(&l->shards[i].lock);
		free(l->shards[i].slots);
	}
	free(l->shallow);
	free(l);
}

static int
compare_ids(const void *a, const void *b)
{
	return memcmp(a, b, PACK_ID_BYTES);
}

static bool
read_hex(const uint8_t *hex, uint8_t id[PACK_ID_BYTES])
{
	for (size_t i = 0; i < PACK_ID_BYTES; i++) {
		int high = ascii_lower_hex_value((char)hex[2 * i]);
		int low = ascii_lower_hex_value((char)hex[2 * i + 1]);

		if (high < 0 || low < 0)
			return false;
		id[i] = (uint8_t)(high << 4 | low);
	}
	return true;
}

bool
pack_links_set_shallow(struct pack_links *l, struct str lines, struct err *e)
{
	size_t count = lines.len / (HEX_DIGITS + 1);

	free(l->shallow);
	l->shallow_count = 0;
	l->shallow = calloc(count + 1, PACK_ID_BYTES);
	if (l->shallow == NULL)
		return err_set(e, ERR_MEMORY, "out of memory for shallow commits");
	for (size_t i = 0; i < count; i++) {
		const char *line = lines.data + i * (HEX_DIGITS + 1);

		if (!read_hex((const uint8_t *)line, l->shallow[i]))
			return err_set(e, ERR_PROTOCOL, "invalid id of a shallow commit");
	}
	l->shallow_count = count;
	qsort(l->shallow, count, PACK_ID_BYTES, compare_ids);
	return true;
}

struct pack_links_writer *
pack_links_writer_new(struct pack_links *l)
{
	struct pack_links_writer *w = calloc(1, sizeof(*w));

	if (w == NULL)
		return NULL;
	w->links = l;
	/* An all-zero id maps to the first cache slot, which must not match it before it is
	 * recorded. */
	w->cache[0][0] = 1;
	return w;
}

void
pack_links_writer_free(struct pack_links_writer *w)
{
	free(w);
}

/* Multilinear hash: without the keys an attacker can't construct colliding ids. */
static uint64_t
hash(const struct pack_links *l, const uint8_t *id)
{
	uint32_t words[WORDS];
	uint64_t sum = 0;

	memcpy(words, id, sizeof(words));
	for (unsigned i = 0; i < WORDS; i++)
		sum += words[i] * l->keys[i];
	return sum >> 32;
}

static struct link_slot *
find(const struct shard *s, uint64_t h, const uint8_t *id)
{
	size_t at = (size_t)(h >> SHARD_BITS) & (s->size - 1);

	while (s->slots[at].state != SLOT_EMPTY && memcmp(s->slots[at].id, id, PACK_ID_BYTES) != 0)
		at = (at + 1) & (s->size - 1);
	return &s->slots[at];
}

static bool
grow(const struct pack_links *l, struct shard *s)
{
	struct shard bigger = {.size = s->size == 0 ? SLOTS_FIRST : 2 * s->size};

	bigger.slots = calloc(bigger.size, sizeof(*bigger.slots));
	if (bigger.slots == NULL)
		return false;
	for (size_t i = 0; i < s->size; i++) {
		const struct link_slot *slot = &s->slots[i];

		if (slot->state != SLOT_EMPTY)
			*find(&bigger, hash(l, slot->id), slot->id) = *slot;
	}
	free(s->slots);
	s->slots = bigger.slots;
	s->size = bigger.size;
	return true;
}

/* Records a reference. False: out of memory. */
static bool
insert_locked(struct pack_links *l, struct shard *s, uint64_t h, const uint8_t *id)
{
	struct link_slot *slot;

	if (4 * (s->count + 1) > 3 * s->size && !grow(l, s))
		return false;
	slot = find(s, h, id);
	if (slot->state == SLOT_EMPTY) {
		memcpy(slot->id, id, PACK_ID_BYTES);
		slot->state = SLOT_NAMED;
		s->count++;
		atomic_fetch_add_explicit(&l->count, 1, memory_order_relaxed);
	}
	return true;
}

static bool
left_out(struct err *e, const uint8_t *id)
{
	static const char digits[] = "0123456789abcdef";
	char hex[HEX_DIGITS + 1] = "";

	for (size_t i = 0; i < PACK_ID_BYTES; i++) {
		hex[2 * i] = digits[id[i] >> 4];
		hex[2 * i + 1] = digits[id[i] & 0xfu];
	}
	return err_set(e, ERR_PROTOCOL, "the server did not send object %s", hex);
}

static bool
note(struct pack_links_writer *w, const uint8_t *id, struct err *e)
{
	struct pack_links *l = w->links;
	uint64_t h = hash(l, id);
	uint8_t *cached = w->cache[h >> SHARD_BITS & ((1u << CACHE_BITS) - 1)];
	struct shard *s = &l->shards[h & (SHARDS - 1)];
	bool ok;

	if (memcmp(cached, id, PACK_ID_BYTES) == 0)
		return true;
	memcpy(cached, id, PACK_ID_BYTES);
	pthread_mutex_lock(&s->lock);
	ok = insert_locked(l, s, h, id);
	pthread_mutex_unlock(&s->lock);
	if (!ok)
		return err_set(e, ERR_MEMORY, "out of memory for object references");
	/* Bounds the set by the size of the pack. */
	return atomic_load_explicit(&l->count, memory_order_relaxed) <= l->table->declared ||
	       err_set(e, ERR_PROTOCOL,
		       "the server did not send all objects: more are referenced than received");
}

static bool
add_tree(struct pack_links_writer *w, const uint8_t *data, size_t len, struct err *e)
{
	while (len > 0) {
		const uint8_t *end = memchr(data, '\0', len);
		size_t head = end == NULL ? len : (size_t)(end - data) + 1;
		unsigned mode = 0;

		if (end == NULL || len - head < PACK_ID_BYTES)
			return err_set(e, ERR_PROTOCOL, "truncated tree object");
		for (const uint8_t *c = data; *c >= '0' && *c <= '7'; c++)
			mode = mode << 3 | (unsigned)(*c - '0');
		if (mode != MODE_GITLINK && !note(w, data + head, e))
			return false;
		data += head + PACK_ID_BYTES;
		len -= head + PACK_ID_BYTES;
	}
	return true;
}

/* Parses "<key> <hex>\n" at the start of the data. False without an error: the line is absent. */
static bool
take_line(const uint8_t **data, size_t *len, struct str key, uint8_t id[PACK_ID_BYTES])
{
	size_t whole = key.len + HEX_DIGITS + 1;

	if (*len < whole || memcmp(*data, key.data, key.len) != 0 ||
	    !read_hex(*data + key.len, id) || (*data)[whole - 1] != '\n')
		return false;
	*data += whole;
	*len -= whole;
	return true;
}

static bool
is_shallow(const struct pack_links *l, const uint8_t *id)
{
	return l->shallow_count > 0 &&
	       bsearch(id, l->shallow, l->shallow_count, PACK_ID_BYTES, compare_ids) != NULL;
}

static bool
add_commit(struct pack_links_writer *w, const uint8_t *own, const uint8_t *data, size_t len,
	   struct err *e)
{
	bool has_parents = !is_shallow(w->links, own);
	uint8_t id[PACK_ID_BYTES];

	if (!take_line(&data, &len, STR("tree "), id))
		return err_set(e, ERR_PROTOCOL, "commit without a tree");
	if (!note(w, id, e))
		return false;
	while (take_line(&data, &len, STR("parent "), id)) {
		if (has_parents && !note(w, id, e))
			return false;
	}
	return true;
}

static bool
add_tag(struct pack_links_writer *w, const uint8_t *data, size_t len, struct err *e)
{
	uint8_t id[PACK_ID_BYTES];

	return take_line(&data, &len, STR("object "), id)
		       ? note(w, id, e)
		       : err_set(e, ERR_PROTOCOL, "tag without an object");
}

bool
pack_links_add(struct pack_links_writer *w, const struct pack_entry *entry, const uint8_t *data,
	       size_t len, struct err *e)
{
	if (w->links == NULL)
		return true;
	switch ((enum pack_kind)entry->kind) {
	case PACK_COMMIT:
		return add_commit(w, entry->id, data, len, e);
	case PACK_TREE:
		return add_tree(w, data, len, e);
	case PACK_TAG:
		return add_tag(w, data, len, e);
	case PACK_BLOB:
		break;
	}
	return true;
}

static const uint8_t *
first_missing(const struct pack_links *l)
{
	for (unsigned i = 0; i < SHARDS; i++) {
		for (size_t at = 0; at < l->shards[i].size; at++) {
			if (l->shards[i].slots[at].state == SLOT_NAMED)
				return l->shards[i].slots[at].id;
		}
	}
	return NULL;
}

bool
pack_links_check(struct pack_links *l, struct err *e)
{
	const uint8_t *missing;

	for (uint32_t i = 0; i < l->table->count; i++) {
		const uint8_t *id = pack_at(l->table, i)->id;
		uint64_t h = hash(l, id);
		struct shard *s = &l->shards[h & (SHARDS - 1)];
		struct link_slot *slot = s->size == 0 ? NULL : find(s, h, id);

		if (slot != NULL && slot->state == SLOT_NAMED)
			slot->state = SLOT_FOUND;
	}
	missing = first_missing(l);
	return missing == NULL || left_out(e, missing);
}
