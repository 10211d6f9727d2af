/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Follows the growing file and reads it through the page cache.
 */
#include "clone/pack/pack_parser.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/process/thread.h"
#include "clone/pack/pack_hashers.h"
#include "clone/pack/pack_scan.h"

#define PIECE_BYTES (128u * 1024u)

struct pack_parser {
	int fd;
	struct pack_table *table;
	struct pack_scan *scan;
	struct pack_hashers *hashers;
	pthread_t thread;
	bool has_thread;
	uint64_t read_bytes;
	pthread_mutex_t lock; /* protects all fields below except the piece */
	pthread_cond_t changed;
	uint64_t size;
	bool is_ended;	   /* the file is complete */
	bool is_abandoned; /* the parser is being freed */
	enum pack_verdict verdict;
	struct pack_counts counts;
	struct err error;
	uint8_t piece[PIECE_BYTES];
};

static bool
on_object(uint32_t index, struct pack_block *object, void *arg, struct err *e)
{
	struct pack_parser *p = arg;

	return pack_hashers_add(p->hashers, index, object, e);
}

/* Waits for bytes. False: the end. */
static bool
wait_for_bytes(struct pack_parser *p, size_t *len)
{
	uint64_t more;

	pthread_mutex_lock(&p->lock);
	p->counts = (struct pack_counts){p->table->declared, p->table->count, p->table->deltas};
	while (p->size == p->read_bytes && !p->is_ended && !p->is_abandoned)
		pthread_cond_wait(&p->changed, &p->lock);
	more = p->is_abandoned ? 0 : p->size - p->read_bytes;
	pthread_mutex_unlock(&p->lock);
	*len = more > PIECE_BYTES ? PIECE_BYTES : (size_t)more;
	return more > 0;
}

static bool
read_piece(struct pack_parser *p, size_t len, struct err *e)
{
	ssize_t n;

	do {
		n = pread(p->fd, p->piece, len, (off_t)p->read_bytes);
	} while (n < 0 && errno == EINTR);
	if (n < 0)
		return err_set_errno(e, errno, "read the pack");
	if (n == 0)
		return err_set(e, ERR_SYSTEM, "the pack file was truncated");
	p->read_bytes += (uint64_t)n;
	return pack_scan_feed(p->scan, p->piece, (size_t)n, e);
}

static void *
run(void *arg)
{
	struct pack_parser *p = arg;
	struct err error = ERR_INIT;
	enum pack_verdict verdict = PACK_BROKEN;
	bool ok = true;
	size_t len = 0;

	while (ok && wait_for_bytes(p, &len))
		ok = read_piece(p, len, &error);
	if (ok && !pack_scan_is_complete(p->scan))
		ok = err_set(&error, ERR_PROTOCOL, "truncated pack");
	if (ok)
		verdict = PACK_COMPLETE;
	else if (pack_scan_is_unusual(p->scan))
		verdict = PACK_UNUSUAL;
	pthread_mutex_lock(&p->lock);
	p->counts = (struct pack_counts){p->table->declared, p->table->count, p->table->deltas};
	p->verdict = verdict;
	p->error = error;
	pthread_mutex_unlock(&p->lock);
	return NULL;
}

struct pack_parser *
pack_parser_new(int fd, struct pack_table *table, struct pack_memory *memory, unsigned threads,
		struct err *e)
{
	struct pack_parser *p = err_alloc(e, sizeof(*p), "out of memory to read a pack");

	if (p == NULL)
		return NULL;
	p->fd = fd;
	p->table = table;
	pthread_mutex_init(&p->lock, NULL);
	pthread_cond_init(&p->changed, NULL);
	p->scan = pack_scan_new(table, memory, on_object, p, e);
	if (p->scan != NULL)
		p->hashers = pack_hashers_new(table, memory, threads, e);
	if (p->hashers != NULL)
		p->has_thread = thread_start(&p->thread, run, p, e);
	if (!p->has_thread) {
		pack_parser_free(p);
		return NULL;
	}
	return p;
}

static void
join(struct pack_parser *p)
{
	if (p->has_thread)
		pthread_join(p->thread, NULL);
	p->has_thread = false;
}

void
pack_parser_free(struct pack_parser *p)
{
	if (p == NULL)
		return;
	pthread_mutex_lock(&p->lock);
	p->is_abandoned = true;
	pthread_cond_signal(&p->changed);
	pthread_mutex_unlock(&p->lock);
	join(p);
	pack_hashers_free(p->hashers);
	pack_scan_free(p->scan);
	pthread_mutex_destroy(&p->lock);
	pthread_cond_destroy(&p->changed);
	free(p);
}

enum pack_verdict
pack_parser_grow(struct pack_parser *p, uint64_t size, struct pack_counts *counts)
{
	enum pack_verdict verdict;

	pthread_mutex_lock(&p->lock);
	p->size = size;
	pthread_cond_signal(&p->changed);
	*counts = p->counts;
	verdict = p->verdict;
	pthread_mutex_unlock(&p->lock);
	return verdict;
}

enum pack_verdict
pack_parser_end(struct pack_parser *p, struct pack_counts *counts, struct err *e)
{
	pthread_mutex_lock(&p->lock);
	p->is_ended = true;
	pthread_cond_signal(&p->changed);
	pthread_mutex_unlock(&p->lock);
	join(p);
	*counts = p->counts;
	if (p->verdict != PACK_COMPLETE)
		*e = p->error;
	else if (!pack_hashers_end(p->hashers, e))
		return PACK_BROKEN;
	return p->verdict;
}
