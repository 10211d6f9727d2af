/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One request at a time per client; redirects are followed where lfs_remote allows the target.
 */
#include "clone/lfs/lfs_client.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/crypto/crypto.h"
#include "base/process/fd.h"

#define USER		  "oauth2"
#define MEDIA_TYPE	  "application/vnd.git-lfs+json"
#define REDIRECTS_MAX	  3u
#define BATCH_TOTAL_MS	  120000u /* and CLONE_STALL_TIMEOUT: there is no progress meanwhile */
#define ARENA_MAX_BYTES	  (64u * 1024u)
#define REQUEST_MAX_BYTES (64u * 1024u)
#define PIECE_BYTES	  65536u
#define NAME_MAX_BYTES	  128u

static bool
set_failure_err(struct clone_failure *f, const struct err *e)
{
	enum clone_problem problem = CLONE_PROBLEM_UNREACHABLE;

	if (e->code == ERR_TIMEOUT)
		problem = CLONE_PROBLEM_STALLED;
	else if (e->code == ERR_TLS)
		problem = CLONE_PROBLEM_TLS;
	else if (e->code == ERR_DENIED || e->code == ERR_PROTOCOL || e->code == ERR_LIMIT)
		problem = CLONE_PROBLEM_REFUSED;
	else if (e->code == ERR_CANCELLED || e->code == ERR_MEMORY)
		problem = CLONE_PROBLEM_INTERNAL;
	return failure_set(f, problem, "%s", e->text);
}

/* One request, with its redirects and credentials. */
struct lfs_call {
	struct fetch_stream *client;
	struct lfs_remote *remote;
	struct fetch_stream_request request;
	const char *authorization; /* from the batch answer, for the server's origin */
	uint64_t deadline_ms;	   /* of the call with its redirects; 0: none */
	struct fetch_stream_head head;
	struct arena arena;
	bool is_server; /* the last request went to the server's own origin */
};

static bool
set_time_left(struct lfs_call *x, struct err *e)
{
	uint64_t now_ms = clock_monotonic_ms();

	if (x->deadline_ms == 0)
		return true;
	if (now_ms >= x->deadline_ms)
		return err_set(e, ERR_TIMEOUT, "no complete answer in time");
	x->request.total_timeout_ms = x->deadline_ms - now_ms;
	return true;
}

static bool
open_once(struct lfs_call *x, struct err *e)
{
	struct lfs_remote *r = x->remote;
	bool sends_token = atomic_load(&r->sends_token);
	struct lfs_url_info place;

	if (!lfs_remote_allows(r, str_from(x->request.url), &place, e))
		return false;
	x->is_server = place.is_server;
	x->request.refused = place.refused;
	x->request.authorization = x->is_server ? x->authorization : NULL;
	x->request.user =
		x->is_server && sends_token && x->request.authorization == NULL ? USER : NULL;
	x->request.password = r->token;
	if (!set_time_left(x, e))
		return false;
	return fetch_stream_open(x->client, &x->request, &x->head, e);
}

/* Whether the answer asks for a token that was not sent. */
static bool
wants_token(const struct lfs_call *x)
{
	return x->head.status == 401 && x->is_server && x->request.user == NULL &&
	       x->request.authorization == NULL && x->remote->token != NULL;
}

static bool
open_call(struct lfs_call *x, struct err *e)
{
	for (unsigned redirects = 0;;) {
		if (!open_once(x, e))
			return false;
		if (wants_token(x)) {
			atomic_store(&x->remote->sends_token, true);
			continue;
		}
		if (!fetch_stream_is_redirect(x->head.status))
			return true;
		if (++redirects > REDIRECTS_MAX)
			return err_set(e, ERR_PROTOCOL, "too many redirects");
		if (x->request.content_type != NULL && x->head.status != 307 &&
		    x->head.status != 308)
			return err_set(e, ERR_PROTOCOL, "redirect of the batch request");
		x->request.url = arena_dup(&x->arena, x->head.location);
		if (x->request.url == NULL || x->head.location.len == 0)
			return err_set(e, ERR_PROTOCOL, "redirect without a usable address");
	}
}

static bool
read_all(struct fetch_stream *client, struct buf *out, struct err *e)
{
	char piece[4096];
	size_t len = 1;

	while (len > 0) {
		if (!fetch_stream_read(client, piece, sizeof(piece), &len, e))
			return false;
		if (!buf_add(out, piece, len))
			return err_set(e, ERR_LIMIT, "the batch answer exceeds %u bytes",
				       LFS_BATCH_MAX_BYTES);
	}
	return true;
}

static bool
read_batch(struct lfs_call *x, struct str text, struct lfs_job *jobs, size_t count,
	   struct arena *arena, struct clone_failure *f)
{
	struct lfs_object *objects[LFS_BATCH_OBJECTS_MAX];
	struct lfs_action actions[LFS_BATCH_OBJECTS_MAX];
	struct err e = ERR_INIT;

	if (x->head.status != 200) {
		struct str message = lfs_batch_message(text, arena);

		failure_set_status(f, x->head.status, x->head.retry_after_ms);
		if (!str_is_empty(message))
			(void)err_wrap(&f->detail, "%.*s", STR_FMT(message));
		return err_wrap(&f->detail, "batch request");
	}
	for (size_t i = 0; i < count; i++)
		objects[i] = jobs[i].object;
	if (!lfs_batch_read(text, objects, count, actions, arena, &e))
		return set_failure_err(f, &e);
	for (size_t i = 0; i < count; i++)
		jobs[i].action = actions[i];
	return true;
}

bool
lfs_client_ask(struct fetch_stream *client, struct lfs_remote *r, struct lfs_job *jobs,
	       size_t count, struct arena *arena, struct clone_failure *f)
{
	struct lfs_object *objects[LFS_BATCH_OBJECTS_MAX];
	struct lfs_call x = {.client = client, .remote = r};
	struct err e = ERR_INIT;
	struct buf request;
	struct buf answer;
	bool ok;

	for (size_t i = 0; i < count; i++)
		objects[i] = jobs[i].object;
	arena_init(&x.arena, ARENA_MAX_BYTES);
	buf_init(&request, REQUEST_MAX_BYTES);
	buf_init(&answer, LFS_BATCH_MAX_BYTES);
	x.request = (struct fetch_stream_request){
		.url = arena_printf(&x.arena, "%s/info/lfs/objects/batch", r->url),
		.accept = MEDIA_TYPE,
		.content_type = MEDIA_TYPE,
	};
	x.deadline_ms =
		clock_monotonic_ms() +
		(r->stall_timeout_ms < BATCH_TOTAL_MS ? r->stall_timeout_ms : BATCH_TOTAL_MS);
	ok = (x.request.url != NULL && lfs_batch_write(&request, objects, count)) ||
	     err_set(&e, ERR_MEMORY, "out of memory");
	x.request.body = buf_view(&request);
	ok = ok && open_call(&x, &e) && read_all(client, &answer, &e);
	ok = ok ? read_batch(&x, buf_view(&answer), jobs, count, arena, f) : set_failure_err(f, &e);
	buf_fini(&request);
	buf_fini(&answer);
	arena_fini(&x.arena);
	return ok;
}

/* A partial download on the disk. */
struct partial {
	int lfs_dir;
	int fd;
	char name[NAME_MAX_BYTES]; /* in lfs_dir */
	struct crypto_digest *sha256;
	uint64_t len;
};

static bool
restart(struct partial *p, struct clone_failure *f)
{
	uint8_t unused[CRYPTO_SHA256_BYTES];

	crypto_digest_end(p->sha256, unused);
	p->len = 0;
	return (ftruncate(p->fd, 0) == 0 && lseek(p->fd, 0, SEEK_SET) == 0) ||
	       failure_set_errno(f, errno, "write an LFS object");
}

/* Opens the file and hashes the part that an earlier attempt has left. */
static bool
open_partial(struct partial *p, const struct lfs_pointer *pointer, struct clone_failure *f)
{
	char oid[LFS_OID_DIGITS + 1];
	char piece[PIECE_BYTES];
	ssize_t n;

	lfs_pointer_format_oid(pointer, oid);
	snprintf(p->name, sizeof(p->name), "tmp/%s-%llu", oid, (unsigned long long)pointer->size);
	p->sha256 = crypto_sha256_new();
	if (p->sha256 == NULL)
		return failure_set(f, CLONE_PROBLEM_INTERNAL, "out of memory");
	p->fd = openat(p->lfs_dir, p->name, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0666);
	if (p->fd < 0)
		return failure_set_errno(f, errno, "create an LFS object");
	while ((n = read(p->fd, piece, sizeof(piece))) > 0) {
		crypto_digest_add(p->sha256, piece, (size_t)n);
		p->len += (uint64_t)n;
	}
	if (n < 0)
		return failure_set_errno(f, errno, "read an LFS object");
	return p->len < pointer->size || restart(p, f);
}

/* Receives the rest of the object. */
static bool
receive(struct lfs_call *x, struct partial *p, struct lfs_job *job)
{
	uint64_t size = job->object->pointer.size;
	struct clone_failure *f = &job->failure;
	struct err e = ERR_INIT;
	char piece[PIECE_BYTES];
	size_t len = 1;

	while (len > 0) {
		atomic_store(&job->bytes, p->len);
		if (atomic_load(&x->remote->is_cancelled))
			return failure_set(f, CLONE_PROBLEM_INTERNAL, "stopped");
		if (!fetch_stream_read(x->client, piece, sizeof(piece), &len, &e))
			return set_failure_err(f, &e);
		if (len > size - p->len)
			return failure_set(f, CLONE_PROBLEM_REFUSED,
					   "it has more than its pointer's %llu bytes",
					   (unsigned long long)size);
		if (!fd_write_all(p->fd, (struct str){piece, len}))
			return failure_set_errno(f, errno, "write an LFS object");
		crypto_digest_add(p->sha256, piece, len);
		p->len += len;
	}
	return p->len == size ||
	       failure_set(f, CLONE_PROBLEM_REFUSED, "it has %llu bytes, its pointer says %llu",
			   (unsigned long long)p->len, (unsigned long long)size);
}

/* Object storage answers 400 or 403 once a signed URL has expired: the next attempt requests a new
 * one. */
static bool
set_failure_status(const struct lfs_call *x, struct clone_failure *f)
{
	unsigned status = x->head.status;

	failure_set_status(f, status, x->head.retry_after_ms);
	f->is_transient = f->is_transient || status == 416 ||
			  (!x->is_server && status >= 400 && status < 404);
	return false;
}

static bool
fetch_into(struct lfs_call *x, struct partial *p, struct lfs_job *job)
{
	struct clone_failure *f = &job->failure;
	struct err e = ERR_INIT;

	x->request.range_from = p->len;
	if (!open_call(x, &e))
		return set_failure_err(f, &e);
	if (x->head.status == 416 && !restart(p, f))
		return false;
	if (x->head.status != 200 && (x->head.status != 206 || p->len == 0))
		return set_failure_status(x, f);
	if (x->head.status == 200 && p->len > 0 && !restart(p, f))
		return false;
	return receive(x, p, job);
}

static bool
make_folder(int at, const char *name, struct clone_failure *f)
{
	return mkdirat(at, name, 0777) == 0 || errno == EEXIST ||
	       failure_set_errno(f, errno, "create an LFS folder");
}

/* Moves a complete object to its place. */
static bool
keep(struct partial *p, const struct lfs_pointer *pointer, struct clone_failure *f)
{
	char oid[LFS_OID_DIGITS + 1];
	char path[NAME_MAX_BYTES];

	lfs_pointer_format_oid(pointer, oid);
	snprintf(path, sizeof(path), "objects/%.2s", oid);
	if (!make_folder(p->lfs_dir, path, f))
		return false;
	snprintf(path, sizeof(path), "objects/%.2s/%.2s", oid, oid + 2);
	if (!make_folder(p->lfs_dir, path, f))
		return false;
	snprintf(path, sizeof(path), "objects/%.2s/%.2s/%s", oid, oid + 2, oid);
	return renameat(p->lfs_dir, p->name, p->lfs_dir, path) == 0 ||
	       failure_set_errno(f, errno, "move an LFS object");
}

static bool
check_and_keep(struct partial *p, const struct lfs_job *job, bool was_continued,
	       struct clone_failure *f)
{
	const struct lfs_pointer *pointer = &job->object->pointer;
	uint8_t digest[CRYPTO_SHA256_BYTES];

	crypto_digest_end(p->sha256, digest);
	if (memcmp(digest, pointer->oid, sizeof(digest)) == 0)
		return keep(p, pointer, f);
	failure_set(f, CLONE_PROBLEM_REFUSED, "its content has another SHA-256");
	f->is_transient = was_continued;
	return false;
}

static bool
download(struct lfs_call *x, struct partial *p, struct lfs_job *job)
{
	const struct lfs_pointer *pointer = &job->object->pointer;
	struct clone_failure *f = &job->failure;
	struct err e = ERR_INIT;
	struct buf address;
	bool was_continued;
	bool ok;

	if (job->action.href == NULL)
		return failure_set(f, CLONE_PROBLEM_NOT_FOUND, "%s", job->action.problem);
	if (!open_partial(p, pointer, f))
		return false;
	was_continued = p->len > 0;
	buf_init(&address, URL_MAX_BYTES);
	ok = lfs_remote_append_address(x->remote, str_from(job->action.href), pointer, &address,
				       &e) ||
	     set_failure_err(f, &e);
	x->request.url = address.data;
	x->authorization = job->action.authorization;
	ok = ok && fetch_into(x, p, job) && check_and_keep(p, job, was_continued, f);
	buf_fini(&address);
	return ok;
}

bool
lfs_client_download(struct fetch_stream *client, struct lfs_remote *r, int lfs_dir,
		    struct lfs_job *job)
{
	struct lfs_call x = {.client = client, .remote = r};
	struct partial p = {.lfs_dir = lfs_dir, .fd = -1};
	bool ok;

	arena_init(&x.arena, ARENA_MAX_BYTES);
	ok = download(&x, &p, job);
	/* A download that was interrupted continues later. */
	if (!ok && p.fd >= 0 &&
	    (!job->failure.is_transient || job->failure.problem == CLONE_PROBLEM_REFUSED))
		(void)unlinkat(lfs_dir, p.name, 0);
	fd_close(p.fd);
	crypto_digest_free(p.sha256);
	arena_fini(&x.arena);
	return ok;
}
