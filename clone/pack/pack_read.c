/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads with pread: accessing a mapping of a truncated file would raise SIGBUS.
 */
#include "clone/pack/pack_read.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "clone/pack/pack_inflate.h"

#define PIECE_BYTES 65536u

struct pack_reader {
	int fd;
	const struct pack_table *table;
	struct pack_inflate *inflate;
	uint8_t nowhere; /* catches output beyond the expected size */
	uint8_t piece[PIECE_BYTES];
};

struct pack_reader *
pack_reader_new(int fd, const struct pack_table *table)
{
	struct pack_reader *r = malloc(sizeof(*r));

	if (r == NULL)
		return NULL;
	r->fd = fd;
	r->table = table;
	r->inflate = pack_inflate_new();
	if (r->inflate == NULL) {
		free(r);
		return NULL;
	}
	return r;
}

void
pack_reader_free(struct pack_reader *r)
{
	if (r == NULL)
		return;
	pack_inflate_free(r->inflate);
	free(r);
}

static bool
read_piece(struct pack_reader *r, uint64_t offset, size_t len, struct err *e)
{
	size_t have = 0;

	while (have < len) {
		ssize_t n = pread(r->fd, r->piece + have, len - have, (off_t)(offset + have));

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_set_errno(e, errno, "read the pack");
		if (n == 0)
			return err_set(e, ERR_SYSTEM, "the pack file was truncated");
		have += (size_t)n;
	}
	return true;
}

bool
pack_reader_get(struct pack_reader *r, uint32_t index, uint8_t *out, struct err *e)
{
	const struct pack_entry *entry = pack_at(r->table, index);
	uint64_t offset = entry->offset + entry->head_bytes;
	uint64_t left = pack_table_length(r->table, index) - entry->head_bytes;
	struct pack_inflate_io io = {.out = out, .out_len = (size_t)entry->size};
	enum pack_inflate_result result = PACK_INFLATE_MORE;

	pack_inflate_reset(r->inflate);
	while (result == PACK_INFLATE_MORE && left > 0) {
		size_t piece = left < PIECE_BYTES ? (size_t)left : PIECE_BYTES;

		if (!read_piece(r, offset, piece, e))
			return false;
		io.in = r->piece;
		io.in_len = piece;
		if (io.out_len == 0) {
			io.out = &r->nowhere;
			io.out_len = 1;
		}
		result = pack_inflate_step(r->inflate, &io);
		piece -= io.in_len;
		if (piece == 0)
			break;
		offset += piece;
		left -= piece;
	}
	if (result != PACK_INFLATE_END || left != 0)
		return err_set(e, ERR_SYSTEM, "the pack file changed while it was read");
	return true;
}
