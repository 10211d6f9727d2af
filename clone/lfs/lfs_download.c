/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The calling thread requests addresses and reports progress; other threads, each with its own
 * connection, take one job after the other.
 */
#include "clone/lfs/lfs_download.h"

#include <poll.h>
#include <stdlib.h>
#include <sys/random.h>

#include "base/clock.h"
#include "base/log/log.h"
#include "base/process/thread.h"
#include "clone/lfs/lfs_client.h"

#define THREADS		8u /* as git-lfs: lfs.concurrenttransfers */
#define REPORT_EVERY_MS 200u
#define ARENA_MAX_BYTES (4u * LFS_BATCH_MAX_BYTES)
/* Warnings about objects; more are only counted. */
#define WARNINGS_MAX 20u

struct pool {
	struct transfer *transfer;
	struct lfs_remote *remote;
	struct lfs_objects *objects;
	int lfs_dir;
	struct clone_failure *failure; /* the first final failure, otherwise the last one */
	struct fetch_stream *client;   /* of the calling thread */
	uint64_t received;	       /* bytes received in this clone before LFS */
	uint64_t done_bytes;
	unsigned warnings;
	struct arena arena;

	struct lfs_job jobs[LFS_BATCH_OBJECTS_MAX];
	size_t count;
	pthread_mutex_t lock; /* also for the states of objects */
	pthread_cond_t has_work;
	pthread_cond_t has_result;
	size_t next, ended; /* jobs taken, and ended */
	bool is_ending;
	struct thread_of {
		struct pool *pool;
		struct fetch_stream *client;
		pthread_t thread;
	} threads[THREADS];
	size_t threads_count;
};

static void *
run(void *arg)
{
	struct thread_of *mine = arg;
	struct pool *p = mine->pool;

	pthread_mutex_lock(&p->lock);
	while (!p->is_ending) {
		struct lfs_job *job;
		bool is_done;

		if (p->next == p->count) {
			pthread_cond_wait(&p->has_work, &p->lock);
			continue;
		}
		job = &p->jobs[p->next++];
		pthread_mutex_unlock(&p->lock);
		is_done = lfs_client_download(mine->client, p->remote, p->lfs_dir, job);
		pthread_mutex_lock(&p->lock);
		if (is_done)
			job->object->state = LFS_DONE;
		p->ended++;
		pthread_cond_signal(&p->has_result);
	}
	pthread_mutex_unlock(&p->lock);
	return NULL;
}

static struct fetch_stream *
new_client(const struct git_request *request, struct err *e)
{
	const struct fetch_stream_options options = {
		.ca_file = request->settings->ca_file,
		.user_agent = "git-lfs/3.0 (workspace-proxy " VERSION ")",
		.connect_timeout_ms = GIT_REQUEST_CONNECT_TIMEOUT_MS,
		.stall_timeout_ms = request->settings->stall_timeout_ms,
		.cancel_fd = request->cancel_fd,
	};

	return fetch_stream_new(&options, e);
}

/* At least one thread, at most one per object. */
static bool
start_threads(struct pool *p, struct err *e)
{
	while (p->threads_count < THREADS && p->threads_count < p->objects->count) {
		struct thread_of *t = &p->threads[p->threads_count];

		t->pool = p;
		t->client = new_client(p->transfer->request, e);
		if (t->client == NULL)
			break;
		if (!thread_start(&t->thread, run, t, e)) {
			fetch_stream_free(t->client);
			break;
		}
		p->threads_count++;
	}
	return p->threads_count > 0;
}

static void
end_threads(struct pool *p)
{
	pthread_mutex_lock(&p->lock);
	p->is_ending = true;
	pthread_cond_broadcast(&p->has_work);
	pthread_mutex_unlock(&p->lock);
	for (size_t i = 0; i < p->threads_count; i++) {
		pthread_join(p->threads[i].thread, NULL);
		fetch_stream_free(p->threads[i].client);
	}
}

static bool
report(struct pool *p)
{
	struct transfer *t = p->transfer;
	struct clone_progress *progress = &t->progress;
	uint64_t bytes = p->done_bytes;

	for (size_t i = 0; i < p->count; i++)
		bytes += atomic_load(&p->jobs[i].bytes);
	progress->lfs.bytes_done = bytes;
	pthread_mutex_lock(&p->lock);
	progress->lfs.objects_done = lfs_objects_count(p->objects, LFS_DONE);
	pthread_mutex_unlock(&p->lock);
	progress->counters.bytes = p->received + bytes;
	if (git_steps_report(t, CLONE_LFS))
		return true;
	atomic_store(&p->remote->is_cancelled, true);
	return failure_set(t->failure, CLONE_PROBLEM_INTERNAL, "stopped");
}

/* Records the failure of one object. A full disk ends all downloads. */
static void
note_failure(struct pool *p, const struct lfs_job *job)
{
	char oid[LFS_OID_DIGITS + 1];
	bool is_local = job->failure.problem == CLONE_PROBLEM_DISK_FULL ||
			job->failure.problem == CLONE_PROBLEM_PERMISSION;

	if (p->failure->problem == CLONE_PROBLEM_NONE || p->failure->is_transient || is_local)
		*p->failure = job->failure;
	if (job->failure.is_transient)
		return;
	job->object->state = LFS_FAILED;
	lfs_pointer_format_oid(&job->object->pointer, oid);
	if (p->warnings++ < WARNINGS_MAX)
		log_warn(NULL, "clone: LFS object not fetched", log_cstr("oid", oid),
			 log_err(&job->failure.detail));
}

static void
end_batch(struct pool *p)
{
	for (size_t i = 0; i < p->count; i++) {
		struct lfs_job *job = &p->jobs[i];

		if (job->object->state == LFS_DONE)
			p->done_bytes += job->object->pointer.size;
		else
			note_failure(p, job);
	}
	p->count = p->next = p->ended = 0;
}

/* Runs the jobs in the threads. False: stopped. */
static bool
run_jobs(struct pool *p, size_t count)
{
	bool ok = true;

	pthread_mutex_lock(&p->lock);
	p->count = count;
	pthread_cond_broadcast(&p->has_work);
	while (p->ended < count) {
		(void)thread_wait(&p->has_result, &p->lock, REPORT_EVERY_MS);
		pthread_mutex_unlock(&p->lock);
		ok = report(p) && ok;
		pthread_mutex_lock(&p->lock);
	}
	end_batch(p);
	pthread_mutex_unlock(&p->lock);
	return ok && report(p);
}

/* Collects the next wanted objects, from *at on. */
static size_t
take_objects(struct pool *p, size_t *at)
{
	size_t count = 0;

	for (; *at < p->objects->count && count < LFS_BATCH_OBJECTS_MAX; ++*at) {
		if (p->objects->items[*at].state == LFS_WANTED)
			p->jobs[count++] = (struct lfs_job){.object = &p->objects->items[*at]};
	}
	return count;
}

/* Makes one attempt for all wanted objects. False: stopped, or another attempt would not help. */
static bool
run_attempt(struct pool *p)
{
	size_t at = 0;
	size_t count;

	while ((count = take_objects(p, &at)) > 0) {
		struct clone_failure f = {.problem = CLONE_PROBLEM_NONE};

		arena_fini(&p->arena);
		arena_init(&p->arena, ARENA_MAX_BYTES);
		if (!lfs_client_ask(p->client, p->remote, p->jobs, count, &p->arena, &f)) {
			*p->failure = f;
			return f.is_transient;
		}
		if (!run_jobs(p, count))
			return false;
		if (p->failure->problem == CLONE_PROBLEM_DISK_FULL ||
		    p->failure->problem == CLONE_PROBLEM_PERMISSION)
			return false;
	}
	return true;
}

static bool
wait_for_attempt(struct pool *p, unsigned attempt)
{
	uint16_t random = 0;
	uint64_t end_ms;
	uint64_t now_ms;

	(void)!getrandom(&random, sizeof(random), GRND_NONBLOCK);
	end_ms = clock_monotonic_ms() + failure_delay_ms(p->failure, attempt, random);
	log_warn(NULL, "clone: LFS files not fetched, retrying", log_err(&p->failure->detail));
	while ((now_ms = clock_monotonic_ms()) < end_ms) {
		struct pollfd polled = {.fd = p->transfer->request->cancel_fd, .events = POLLIN};
		uint64_t left_ms = end_ms - now_ms;

		(void)poll(&polled, 1,
			   (int)(left_ms < REPORT_EVERY_MS ? left_ms : REPORT_EVERY_MS));
		if (!report(p))
			return false;
	}
	return true;
}

static void
run_attempts(struct pool *p)
{
	uint64_t retries = p->transfer->request->settings->retries;

	for (unsigned attempt = 0; run_attempt(p); attempt++) {
		if (lfs_objects_count(p->objects, LFS_WANTED) == 0 || attempt >= retries ||
		    !wait_for_attempt(p, attempt + 1))
			break;
		if (p->failure->is_transient)
			*p->failure = (struct clone_failure){.problem = CLONE_PROBLEM_NONE};
	}
}

static void
init_locks(struct pool *p)
{
	pthread_mutex_init(&p->lock, NULL);
	pthread_cond_init(&p->has_work, NULL);
	thread_condition_init(&p->has_result);
}

static void
free_pool(struct pool *p)
{
	end_threads(p);
	fetch_stream_free(p->client);
	arena_fini(&p->arena);
	pthread_mutex_destroy(&p->lock);
	pthread_cond_destroy(&p->has_work);
	pthread_cond_destroy(&p->has_result);
	free(p);
}

bool
lfs_download(struct transfer *t, struct lfs_remote *r, struct lfs_objects *objects, int lfs_dir,
	     struct clone_failure *f)
{
	struct pool *p = calloc(1, sizeof(*p));
	struct err e = ERR_INIT;

	if (p == NULL)
		return failure_set(f, CLONE_PROBLEM_INTERNAL, "out of memory");
	p->transfer = t;
	p->remote = r;
	p->objects = objects;
	p->lfs_dir = lfs_dir;
	p->failure = f;
	p->received = t->progress.counters.bytes;
	t->progress.lfs.objects_total = objects->count;
	t->progress.lfs.bytes_total = objects->bytes;
	arena_init(&p->arena, ARENA_MAX_BYTES);
	init_locks(p);
	p->client = new_client(t->request, &e);
	if (p->client == NULL || !start_threads(p, &e))
		failure_set(f, CLONE_PROBLEM_INTERNAL, "%s", e.text);
	else
		run_attempts(p);
	free_pool(p);
	return lfs_objects_count(objects, LFS_DONE) == objects->count;
}
