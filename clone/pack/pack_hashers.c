/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A ring of objects to hash and the threads that process it.
 */
#include "clone/pack/pack_hashers.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/process/thread.h"
#include "clone/pack/pack_hash.h"
#include "clone/pack/pack_links.h"

#define RING_OBJECTS   256u
#define RING_BYTES_MAX (16u * 1024u * 1024u)
/* Hashing a smaller object costs less than handing it to another thread. */
#define HANDED_MIN 4096u

struct job {
	uint32_t index;
	struct pack_block object;
};

struct pack_hashers {
	struct pack_table *table;
	struct pack_memory *memory;
	struct pack_links_writer *links; /* of the thread that adds objects */
	pthread_mutex_t lock;
	pthread_cond_t changed;
	struct job ring[RING_OBJECTS];
	size_t first, count;
	size_t bytes;
	bool is_ending;
	bool failed;
	struct err error;
	unsigned threads_count;
	pthread_t threads[THREADS_MAX];
};

static bool
hash_one(struct pack_hashers *h, struct pack_links_writer *links, struct job *job, struct err *e)
{
	struct pack_entry *entry = pack_at(h->table, job->index);
	bool ok = pack_hash((enum pack_kind)entry->kind, job->object.data, job->object.size,
			    entry->id, e) &&
		  pack_links_add(links, entry, job->object.data, job->object.size, e);

	pack_block_free(h->memory, &job->object);
	return ok;
}

static bool
take(struct pack_hashers *h, struct job *job)
{
	pthread_mutex_lock(&h->lock);
	while (h->count == 0 && !h->is_ending)
		pthread_cond_wait(&h->changed, &h->lock);
	if (h->count == 0) {
		pthread_mutex_unlock(&h->lock);
		return false;
	}
	*job = h->ring[h->first];
	h->first = (h->first + 1) % RING_OBJECTS;
	h->count--;
	h->bytes -= job->object.size;
	pthread_mutex_unlock(&h->lock);
	return true;
}

static void
fail(struct pack_hashers *h, const struct err *e)
{
	pthread_mutex_lock(&h->lock);
	h->failed = true;
	h->error = *e;
	pthread_mutex_unlock(&h->lock);
}

static void *
run(void *arg)
{
	struct pack_hashers *h = arg;
	struct pack_links_writer *links = pack_links_writer_new(h->table->links);
	struct err error = ERR_INIT;
	struct job job;

	while (take(h, &job)) {
		if (links == NULL) {
			err_set(&error, ERR_MEMORY, "out of memory to hash objects");
			pack_block_free(h->memory, &job.object);
			fail(h, &error);
		} else if (!hash_one(h, links, &job, &error)) {
			fail(h, &error);
		}
	}
	pack_links_writer_free(links);
	return NULL;
}

static void
join(struct pack_hashers *h)
{
	pthread_mutex_lock(&h->lock);
	h->is_ending = true;
	pthread_cond_broadcast(&h->changed);
	pthread_mutex_unlock(&h->lock);
	while (h->threads_count > 0)
		pthread_join(h->threads[--h->threads_count], NULL);
}

struct pack_hashers *
pack_hashers_new(struct pack_table *table, struct pack_memory *memory, unsigned threads,
		 struct err *e)
{
	struct pack_hashers *h = calloc(1, sizeof(*h));

	if (h != NULL)
		h->links = pack_links_writer_new(table->links);
	if (h == NULL || h->links == NULL) {
		free(h);
		err_set(e, ERR_MEMORY, "out of memory to hash objects");
		return NULL;
	}
	h->table = table;
	h->memory = memory;
	pthread_mutex_init(&h->lock, NULL);
	pthread_cond_init(&h->changed, NULL);
	while (h->threads_count < threads && h->threads_count < THREADS_MAX &&
	       thread_start(&h->threads[h->threads_count], run, h, e))
		h->threads_count++;
	return h;
}

bool
pack_hashers_add(struct pack_hashers *h, uint32_t index, struct pack_block *object, struct err *e)
{
	struct job job = {.index = index, .object = *object};
	bool is_queued;

	*object = (struct pack_block){.size = 0};
	if (job.object.size < HANDED_MIN)
		return hash_one(h, h->links, &job, e);
	pthread_mutex_lock(&h->lock);
	is_queued = h->threads_count > 0 && h->count < RING_OBJECTS &&
		    h->bytes + job.object.size <= RING_BYTES_MAX;
	if (is_queued) {
		h->ring[(h->first + h->count++) % RING_OBJECTS] = job;
		h->bytes += job.object.size;
		pthread_cond_signal(&h->changed);
	}
	pthread_mutex_unlock(&h->lock);
	return is_queued || hash_one(h, h->links, &job, e);
}

bool
pack_hashers_end(struct pack_hashers *h, struct err *e)
{
	join(h);
	if (h->failed && e != NULL)
		*e = h->error;
	return !h->failed;
}

void
pack_hashers_free(struct pack_hashers *h)
{
	if (h == NULL)
		return;
	join(h);
	pthread_mutex_destroy(&h->lock);
	pthread_cond_destroy(&h->changed);
	pack_links_writer_free(h->links);
	free(h);
}
