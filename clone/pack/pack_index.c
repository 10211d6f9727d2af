/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sorts entries by id and writes fan-out table, ids, checksums and offsets.
 */
#include "clone/pack/pack_index.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/crypto/crypto.h"
#include "base/process/fd.h"

#define BUCKETS	       65536u
#define OUTPUT_BYTES   65536u
#define FAR_FLAG       0x80000000u
#define NEAR_MAX       0x7fffffffu
#define FANOUT_ENTRIES 256u

struct index_output {
	int fd;
	struct crypto_digest *sha1;
	struct err *error;
	bool failed;
	size_t len;
	uint8_t data[OUTPUT_BYTES];
};

static void
flush(struct index_output *o)
{
	struct str bytes = {(const char *)o->data, o->len};

	crypto_digest_add(o->sha1, o->data, o->len);
	if (!o->failed && !fd_write_all(o->fd, bytes)) {
		o->failed = true;
		err_set_errno(o->error, errno, "write the pack's index");
	}
	o->len = 0;
}

static void
add(struct index_output *o, const void *data, size_t len)
{
	if (o->len + len > OUTPUT_BYTES)
		flush(o);
	memcpy(o->data + o->len, data, len);
	o->len += len;
}

static void
add_u32(struct index_output *o, uint32_t value)
{
	const uint8_t bytes[4] = {(uint8_t)(value >> 24), (uint8_t)(value >> 16),
				  (uint8_t)(value >> 8), (uint8_t)value};

	add(o, bytes, sizeof(bytes));
}

static unsigned
bucket_of(const struct pack_table *t, uint32_t index)
{
	const uint8_t *id = pack_at(t, index)->id;

	return (unsigned)id[0] << 8 | id[1];
}

static int
compare(const void *a, const void *b, void *table)
{
	const struct pack_table *t = table;

	return memcmp(pack_at(t, *(const uint32_t *)a)->id, pack_at(t, *(const uint32_t *)b)->id,
		      PACK_ID_BYTES);
}

/* Sorts entry indices by id: a bucket sort by two bytes first, since ids are evenly distributed. */
static bool
sort(const struct pack_table *t, uint32_t *order, uint32_t *ends)
{
	struct pack_table table = *t;
	uint32_t before = 0;

	for (uint32_t i = 0; i < t->count; i++)
		ends[bucket_of(t, i)]++;
	for (unsigned b = 0; b < BUCKETS; b++) {
		uint32_t count = ends[b];

		ends[b] = before;
		before += count;
	}
	for (uint32_t i = 0; i < t->count; i++)
		order[ends[bucket_of(t, i)]++] = i;
	for (unsigned b = 0; b < BUCKETS; b++) {
		uint32_t start = b == 0 ? 0 : ends[b - 1];

		if (ends[b] - start > 1)
			qsort_r(order + start, ends[b] - start, sizeof(*order), compare, &table);
	}
	for (uint32_t i = 1; i < t->count; i++) {
		if (compare(&order[i - 1], &order[i], &table) == 0)
			return false;
	}
	return true;
}

static void
add_offsets(struct index_output *o, const struct pack_table *t, const uint32_t *order)
{
	uint32_t far = 0;

	for (uint32_t i = 0; i < t->count; i++) {
		uint64_t offset = pack_at(t, order[i])->offset;

		add_u32(o, offset > NEAR_MAX ? FAR_FLAG | far++ : (uint32_t)offset);
	}
	for (uint32_t i = 0; far > 0 && i < t->count; i++) {
		uint64_t offset = pack_at(t, order[i])->offset;

		if (offset > NEAR_MAX) {
			add_u32(o, (uint32_t)(offset >> 32));
			add_u32(o, (uint32_t)offset);
		}
	}
}

static void
write_all(struct index_output *o, const struct pack_table *t, const uint32_t *order,
	  const uint32_t *ends)
{
	uint8_t digest[CRYPTO_SHA1_BYTES];

	add(o, "\377tOc\0\0\0\2", 8);
	for (unsigned i = 0; i < FANOUT_ENTRIES; i++)
		add_u32(o, ends[i << 8 | 0xffu]);
	for (uint32_t i = 0; i < t->count; i++)
		add(o, pack_at(t, order[i])->id, PACK_ID_BYTES);
	for (uint32_t i = 0; i < t->count; i++)
		add_u32(o, pack_at(t, order[i])->crc);
	add_offsets(o, t, order);
	add(o, t->trailer, PACK_TRAILER_BYTES);
	flush(o);
	crypto_digest_end(o->sha1, digest);
	add(o, digest, sizeof(digest));
	flush(o);
}

enum pack_index_result
pack_index_write(const struct pack_table *t, int fd, struct err *e)
{
	enum pack_index_result result = PACK_INDEX_FAILED;
	uint32_t *order = calloc((size_t)t->count + 1, sizeof(*order));
	uint32_t *ends = calloc(BUCKETS, sizeof(*ends));
	struct index_output *o = calloc(1, sizeof(*o));

	if (o != NULL) {
		o->fd = fd;
		o->error = e;
		o->sha1 = crypto_sha1_new();
	}
	if (order == NULL || ends == NULL || o == NULL || o->sha1 == NULL) {
		err_set(e, ERR_MEMORY, "out of memory for the pack's index");
	} else if (!sort(t, order, ends)) {
		err_set(e, ERR_PROTOCOL, "duplicate object in the pack");
		result = PACK_INDEX_DUPLICATE;
	} else {
		write_all(o, t, order, ends);
		if (!o->failed)
			result = PACK_INDEX_WRITTEN;
	}
	if (o != NULL)
		crypto_digest_free(o->sha1);
	free(o);
	free(ends);
	free(order);
	return result;
}
