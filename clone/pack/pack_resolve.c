/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A stack of bases with unapplied deltas. Threads always take the next delta of its top; when the
 * stack is empty, they push the next base that is not a delta itself.
 *
 * A base leaves the stack with its last delta and is freed once that is applied. When the budget
 * is exhausted, the data of bases at the bottom of the stack is freed and rebuilt later.
 */
#include "clone/pack/pack_resolve.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/list.h"
#include "base/process/thread.h"
#include "clone/pack/pack_delta.h"
#include "clone/pack/pack_hash.h"
#include "clone/pack/pack_links.h"
#include "clone/pack/pack_read.h"

/* Bounds the total size of results: a small pack can describe terabytes. */
#define MADE_BYTES_BASE	  (64ull << 30)
#define MADE_BYTES_FACTOR 16384u

struct delta_base {
	TAILQ_ENTRY(delta_base) on_stack;
	uint32_t entry;
	uint32_t next_child;	  /* all are taken, and the base is off the stack */
	unsigned users;		  /* deltas being applied to it */
	struct pack_block object; /* data is NULL: must be rebuilt */
};

struct pack_resolve {
	int fd;
	struct pack_table *table;
	struct pack_memory *memory;
	uint64_t made_max_bytes;
	atomic_uint_fast64_t made_bytes;
	pthread_mutex_t lock; /* protects all fields below */
	pthread_cond_t work;
	pthread_cond_t ended;			   /* signalled when a thread ends */
	TAILQ_HEAD(delta_stack, delta_base) stack; /* the top is first */
	uint32_t next_root;
	uint32_t resolved;
	unsigned busy;	  /* threads at work */
	unsigned waiting; /* threads waiting for work */
	unsigned running; /* threads that have not ended */
	bool is_over;
	bool failed;
	struct err error;
	unsigned threads_count;
	pthread_t threads[THREADS_MAX];
};

/* Per-thread state. */
struct tools {
	struct pack_reader *reader;
	struct pack_links_writer *links;
};

/* One delta of a base; with child == PACK_NONE the base itself. */
struct task {
	struct delta_base *node;
	uint32_t child;
};

static void
node_free(struct pack_resolve *r, struct delta_base *n)
{
	pack_block_free(r->memory, &n->object);
	free(n);
}

static struct delta_base *
node_new(const struct pack_resolve *r, uint32_t entry)
{
	struct delta_base *n = calloc(1, sizeof(*n));

	if (n != NULL) {
		n->entry = entry;
		n->next_child = pack_at(r->table, entry)->first_child;
	}
	return n;
}

static void
fail_locked(struct pack_resolve *r, const struct err *e)
{
	if (!r->failed)
		r->error = *e;
	r->failed = true;
	r->is_over = true;
	pthread_cond_broadcast(&r->work);
}

/* Returns the next object that has deltas and is no delta itself. */
static struct delta_base *
next_root_locked(struct pack_resolve *r)
{
	static const struct err no_memory = {ERR_MEMORY, "out of memory to resolve deltas"};
	struct delta_base *n;

	while (r->next_root < r->table->count) {
		uint32_t index = r->next_root++;
		const struct pack_entry *entry = pack_at(r->table, index);

		if (entry->base != PACK_NONE || entry->first_child == PACK_NONE)
			continue;
		n = node_new(r, index);
		if (n == NULL)
			fail_locked(r, &no_memory);
		return n;
	}
	return NULL;
}

static bool
pick_locked(struct pack_resolve *r, struct task *task)
{
	struct delta_base *n = TAILQ_FIRST(&r->stack);

	task->child = PACK_NONE;
	if (n == NULL) {
		task->node = next_root_locked(r);
		return task->node != NULL;
	}
	task->node = n;
	if (n->object.data == NULL) {
		TAILQ_REMOVE(&r->stack, n, on_stack);
		return true;
	}
	task->child = n->next_child;
	n->users++;
	n->next_child = pack_at(r->table, task->child)->next_sibling;
	if (n->next_child == PACK_NONE)
		TAILQ_REMOVE(&r->stack, n, on_stack);
	return true;
}

/* Takes a task. False: there is nothing left to do. */
static bool
take_locked(struct pack_resolve *r, struct task *task)
{
	while (!r->is_over) {
		if (pick_locked(r, task)) {
			r->busy++;
			/* Wake another thread only if work is left; it wakes the next one. */
			if (!TAILQ_EMPTY(&r->stack) && r->waiting > 0)
				pthread_cond_signal(&r->work);
			return true;
		}
		if (r->busy == 0) {
			r->is_over = true;
			break;
		}
		r->waiting++;
		pthread_cond_wait(&r->work, &r->lock);
		r->waiting--;
	}
	pthread_cond_broadcast(&r->work);
	return false;
}

/* Allocates an object; evicts bases from the bottom of the stack if the budget is exhausted. */
static bool
make_room(struct pack_resolve *r, struct pack_block *b, size_t size, struct err *e)
{
	if (!pack_memory_has(r->memory, size)) {
		pthread_mutex_lock(&r->lock);
		for (struct delta_base *n = TAILQ_LAST(&r->stack, delta_stack);
		     n != NULL && !pack_memory_has(r->memory, size);
		     n = TAILQ_PREV(n, delta_stack, on_stack)) {
			if (n->users == 0)
				pack_block_free(r->memory, &n->object);
		}
		pthread_mutex_unlock(&r->lock);
	}
	return pack_block_alloc(r->memory, b, size, e);
}

static bool
get_entry(struct pack_resolve *r, struct pack_reader *reader, uint32_t index, struct pack_block *b,
	  struct err *e)
{
	return make_room(r, b, (size_t)pack_at(r->table, index)->size, e) &&
	       pack_reader_get(reader, index, b->data, e);
}

static bool
account(struct pack_resolve *r, size_t size, struct err *e)
{
	uint64_t before = atomic_fetch_add(&r->made_bytes, size);

	return before + size <= r->made_max_bytes ||
	       err_set(e, ERR_LIMIT, "deltas expand to more than %llu bytes",
		       (unsigned long long)r->made_max_bytes);
}

/* Applies an entry's delta to its base. */
static bool
apply(struct pack_resolve *r, struct pack_reader *reader, uint32_t index,
      const struct pack_block *base, struct pack_block *result, struct err *e)
{
	struct pack_block delta = {.size = 0};
	size_t size = 0;
	bool ok = get_entry(r, reader, index, &delta, e) &&
		  pack_delta_check(delta.data, delta.size, base->size, &size, e) &&
		  account(r, size, e) && make_room(r, result, size, e);

	if (ok)
		pack_delta_apply(delta.data, delta.size, base->data, result->data);
	pack_block_free(r->memory, &delta);
	return ok;
}

/* Rebuilds an object: the root of its chain, then one delta after the other. */
static bool
make_object(struct pack_resolve *r, struct pack_reader *reader, uint32_t index,
	    struct pack_block *object, struct err *e)
{
	uint32_t *chain = calloc(PACK_DEPTH_MAX + 1, sizeof(*chain));
	struct pack_block next = {.size = 0};
	size_t depth = 0;
	bool ok;

	if (chain == NULL)
		return err_set(e, ERR_MEMORY, "out of memory to resolve deltas");
	while (pack_at(r->table, index)->base != PACK_NONE) {
		chain[depth++] = index;
		index = pack_at(r->table, index)->base;
	}
	ok = get_entry(r, reader, index, object, e);
	while (ok && depth > 0) {
		ok = apply(r, reader, chain[--depth], object, &next, e);
		pack_block_free(r->memory, object);
		*object = next;
		next = (struct pack_block){.size = 0};
	}
	free(chain);
	return ok;
}

/* From here to run(), functions are called and return with the lock held. */

static void
end_load(struct pack_resolve *r, struct delta_base *n, struct pack_block *object)
{
	pthread_mutex_lock(&r->lock);
	n->object = *object;
	TAILQ_INSERT_HEAD(&r->stack, n, on_stack);
	r->busy--;
}

static void
end_apply(struct pack_resolve *r, struct delta_base *base, struct delta_base *made)
{
	pthread_mutex_lock(&r->lock);
	if (made != NULL)
		TAILQ_INSERT_HEAD(&r->stack, made, on_stack);
	r->resolved++;
	r->busy--;
	base->users--;
	if (base->users == 0 && base->next_child == PACK_NONE)
		node_free(r, base);
}

/* Removes a base after a failure; bases on the stack are freed at the end. */
static bool
give_up(struct pack_resolve *r, const struct task *task, const struct err *e)
{
	pthread_mutex_lock(&r->lock);
	fail_locked(r, e);
	r->busy--;
	if (task->child == PACK_NONE ||
	    (--task->node->users == 0 && task->node->next_child == PACK_NONE))
		node_free(r, task->node);
	return false;
}

static bool
run_apply(struct pack_resolve *r, const struct tools *tools, const struct task *task)
{
	struct pack_entry *entry = pack_at(r->table, task->child);
	struct pack_block object = {.size = 0};
	struct delta_base *made = NULL;
	struct err error = ERR_INIT;
	bool ok = apply(r, tools->reader, task->child, &task->node->object, &object, &error) &&
		  pack_hash((enum pack_kind)entry->kind, object.data, object.size, entry->id,
			    &error) &&
		  pack_links_add(tools->links, entry, object.data, object.size, &error);

	if (ok && entry->first_child != PACK_NONE) {
		made = node_new(r, task->child);
		ok = made != NULL || err_set(&error, ERR_MEMORY, "out of memory to resolve deltas");
	}
	if (made != NULL)
		made->object = object;
	else
		pack_block_free(r->memory, &object);
	if (!ok)
		return give_up(r, task, &error);
	end_apply(r, task->node, made);
	return true;
}

static bool
run_load(struct pack_resolve *r, struct pack_reader *reader, const struct task *task)
{
	struct pack_block object = {.size = 0};
	struct err error = ERR_INIT;

	if (!make_object(r, reader, task->node->entry, &object, &error)) {
		pack_block_free(r->memory, &object);
		return give_up(r, task, &error);
	}
	end_load(r, task->node, &object);
	return true;
}

static void *
run(void *arg)
{
	struct pack_resolve *r = arg;
	struct tools tools = {pack_reader_new(r->fd, r->table),
			      pack_links_writer_new(r->table->links)};
	struct err error = ERR_INIT;
	struct task task;
	bool ok = tools.reader != NULL && tools.links != NULL;

	pthread_mutex_lock(&r->lock);
	if (!ok) {
		err_set(&error, ERR_MEMORY, "out of memory to resolve deltas");
		fail_locked(r, &error);
	}
	while (ok && take_locked(r, &task)) {
		pthread_mutex_unlock(&r->lock);
		ok = task.child == PACK_NONE ? run_load(r, tools.reader, &task)
					     : run_apply(r, &tools, &task);
	}
	r->running--;
	pthread_cond_broadcast(&r->ended);
	pthread_mutex_unlock(&r->lock);
	pack_reader_free(tools.reader);
	pack_links_writer_free(tools.links);
	return NULL;
}

struct pack_resolve *
pack_resolve_new(int fd, struct pack_table *table, struct pack_memory *memory, unsigned threads,
		 struct err *e)
{
	struct pack_resolve *r = err_alloc(e, sizeof(*r), "out of memory to resolve deltas");
	bool ok = true;

	if (r == NULL)
		return NULL;
	r->fd = fd;
	r->table = table;
	r->memory = memory;
	r->made_max_bytes = MADE_BYTES_BASE + table->end * MADE_BYTES_FACTOR;
	pthread_mutex_init(&r->lock, NULL);
	thread_condition_init(&r->ended);
	pthread_cond_init(&r->work, NULL);
	TAILQ_INIT(&r->stack);
	pthread_mutex_lock(&r->lock);
	while (ok && r->threads_count < threads && r->threads_count < THREADS_MAX) {
		ok = thread_start(&r->threads[r->threads_count], run, r, e);
		r->threads_count += ok ? 1 : 0;
	}
	r->running = r->threads_count;
	pthread_mutex_unlock(&r->lock);
	/* Fewer threads than wanted are acceptable. */
	if (r->threads_count == 0) {
		pack_resolve_free(r);
		return NULL;
	}
	return r;
}

bool
pack_resolve_wait(struct pack_resolve *r, unsigned timeout_ms, uint32_t *deltas)
{
	bool is_done;

	pthread_mutex_lock(&r->lock);
	if (r->running > 0)
		(void)thread_wait(&r->ended, &r->lock, timeout_ms);
	is_done = r->running == 0;
	*deltas = r->resolved;
	pthread_mutex_unlock(&r->lock);
	return is_done;
}

bool
pack_resolve_end(struct pack_resolve *r, struct err *e)
{
	if (r->failed) {
		*e = r->error;
		return false;
	}
	return r->resolved == r->table->deltas ||
	       err_set(e, ERR_PROTOCOL, "deltas without a base in the pack");
}

void
pack_resolve_free(struct pack_resolve *r)
{
	struct delta_base *n;

	if (r == NULL)
		return;
	pthread_mutex_lock(&r->lock);
	r->is_over = true;
	pthread_cond_broadcast(&r->work);
	pthread_mutex_unlock(&r->lock);
	for (unsigned i = 0; i < r->threads_count; i++)
		pthread_join(r->threads[i], NULL);
	while ((n = TAILQ_FIRST(&r->stack)) != NULL) {
		/* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): what was freed has left the list */
		TAILQ_REMOVE(&r->stack, n, on_stack);
		node_free(r, n);
	}
	pthread_mutex_destroy(&r->lock);
	pthread_cond_destroy(&r->work);
	pthread_cond_destroy(&r->ended);
	free(r);
}
