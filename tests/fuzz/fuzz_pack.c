/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Packs: raw bytes in pieces, or (the first byte is odd) objects that are packed here, so that
 * checksums do not keep the fuzzer from deltas. What is read whole is resolved and indexed.
 */
#include <git2.h>
#include <sys/mman.h>
#include <unistd.h>
#include <zlib.h>

#include "clone/pack/pack_hashers.h"
#include "clone/pack/pack_index.h"
#include "clone/pack/pack_links.h"
#include "clone/pack/pack_resolve.h"
#include "clone/pack/pack_scan.h"
#include "tests/fuzz/fuzz.h"

#define THREADS	      2u
#define MEMORY_BYTES  4096u
#define OBJECTS_MAX   5u
#define DATA_MAX      63u
#define PACK_MAX      (1u << 20)
#define TRAILER_BYTES 20u

static bool
on_object(uint32_t index, struct pack_block *object, void *arg, struct err *e)
{
	return pack_hashers_add(arg, index, object, e);
}

static void
resolve(struct str pack, struct pack_table *table, struct pack_memory *memory)
{
	struct err e = ERR_INIT;
	uint32_t deltas = 0;
	int fd = memfd_create("pack", MFD_CLOEXEC);
	struct pack_resolve *r;
	bool ok;

	err_assert(fd >= 0 && write(fd, pack.data, pack.len) == (ssize_t)pack.len);
	r = pack_resolve_new(fd, table, memory, THREADS, &e);
	err_assert(r != NULL);
	while (!pack_resolve_wait(r, 1000, &deltas))
		;
	ok = pack_resolve_end(r, &e);
	err_assert(!ok || deltas == table->deltas);
	pack_resolve_free(r);
	if (ok && table->links != NULL)
		(void)!pack_links_check(table->links, &e);
	if (ok && ftruncate(fd, 0) == 0)
		err_assert(pack_index_write(table, fd, &e) != PACK_INDEX_FAILED);
	close(fd);
}

static void
read_pack(struct str pack, size_t piece)
{
	struct pack_table table;
	struct pack_memory memory;
	struct err e = ERR_INIT;
	struct pack_hashers *hashers;
	struct pack_scan *scan;
	struct str rest = pack;
	bool ok = true;

	pack_memory_init(&memory, "/tmp", MEMORY_BYTES);
	err_assert(pack_table_init(&table, &e));
	/* Not always: what these packs hold is seldom a tree or a commit. */
	table.links = pack.len % 2 == 0 ? pack_links_new(&table, &e) : NULL;
	hashers = pack_hashers_new(&table, &memory, 0, &e);
	scan = pack_scan_new(&table, &memory, on_object, hashers, &e);
	err_assert(hashers != NULL && scan != NULL);
	while (ok && rest.len > 0) {
		struct str now = str_take(rest, piece);

		ok = pack_scan_feed(scan, (const uint8_t *)now.data, now.len, &e);
		rest = str_skip(rest, now.len);
	}
	ok = ok && pack_scan_is_complete(scan);
	err_assert(ok == (ok && table.count == table.declared));
	if (pack_hashers_end(hashers, &e) && ok)
		resolve(pack, &table, &memory);
	pack_scan_free(scan);
	pack_hashers_free(hashers);
	pack_links_free(table.links);
	pack_table_fini(&table);
	err_assert(atomic_load(&memory.used_bytes) == 0);
}

/* One object: type, its length as it is declared, distance to the base, bytes. */
static void
add_object(struct buf *pack, struct str *input, size_t *last)
{
	unsigned type = fuzz_take_byte(input) & 7u;
	unsigned declared = fuzz_take_byte(input) & DATA_MAX;
	unsigned distance = fuzz_take_byte(input);
	struct str data = str_take(*input, declared);
	uLongf len = compressBound(DATA_MAX);
	Bytef packed[256];
	size_t at = pack->len;

	*input = str_skip(*input, data.len);
	if (data.len == declared && distance < 128)
		type = type % 4 == 0 ? 6 : type;
	buf_add_byte(pack, (char)(0x80u | type << 4 | (declared & 15u)));
	buf_add_byte(pack, (char)(declared >> 4));
	if (type == 6)
		buf_add_byte(pack, (char)(distance < 64 ? (at - *last) & 0x7fu : distance & 0x7fu));
	err_assert(compress2(packed, &len, (const Bytef *)data.data, data.len, 1) == Z_OK);
	buf_add(pack, packed, len);
	*last = at;
}

static void
make_and_read(struct str input, size_t piece)
{
	static const char head[12] = "PACK\0\0\0\2\0\0\0";
	unsigned count = fuzz_take_byte(&input) % (OBJECTS_MAX + 1);
	struct buf pack;
	size_t last = sizeof(head);

	buf_init(&pack, PACK_MAX);
	buf_add(&pack, head, sizeof(head) - 1);
	buf_add_byte(&pack, (char)count);
	for (unsigned i = 0; i < count; i++)
		add_object(&pack, &input, &last);
	for (unsigned i = 0; i < TRAILER_BYTES; i++)
		buf_add_byte(&pack, 0);
	read_pack(buf_view(&pack), piece);
	buf_fini(&pack);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str input = fuzz_input(data, size);
	unsigned choice = fuzz_take_byte(&input);

	if (git_libgit2_init() == 1)
		(void)git_libgit2_init();
	if ((choice & 1) != 0)
		make_and_read(input, (choice >> 1) + 1);
	else
		read_pack(input, (choice >> 1) + 1);
	(void)git_libgit2_shutdown();
	return 0;
}
