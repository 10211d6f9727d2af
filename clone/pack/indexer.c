/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A libgit2 object database backend that only writes packs.
 *
 * A pack with features that our parser does not support is passed to libgit2's own indexer: first
 * the part that was already written, then all following data.
 */
#include "clone/pack/indexer.h"

#include <errno.h>
#include <fcntl.h>
#include <git2.h>
#include <git2/sys/odb_backend.h>
#include <git2/sys/repository.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/crypto/crypto.h"
#include "base/process/fd.h"
#include "base/process/thread.h"
#include "clone/pack/pack_index.h"
#include "clone/pack/pack_links.h"
#include "clone/pack/pack_parser.h"
#include "clone/pack/pack_resolve.h"

#define PRIORITY	1 /* there is no other backend */
#define PATH_BYTES	4096
#define REPLAY_BYTES	65536u
#define RESOLVE_POLL_MS 90u
#define FILE_MODE	0444

struct backend {
	git_odb_backend parent; /* first */
	const struct indexer_options *options;
	char directory[PATH_BYTES]; /* objects/pack */
};

struct indexer {
	git_odb_writepack parent; /* first */
	struct backend *backend;
	git_odb *odb;
	git_indexer_progress_cb progress;
	void *progress_arg;
	int fd;
	char path[PATH_BYTES]; /* of the current pack; "": none */
	uint64_t size;
	struct crypto_digest *sha1; /* of all bytes but the last 20, which may be the trailer */
	uint8_t tail[PACK_TRAILER_BYTES];
	size_t tail_len;
	struct pack_memory memory;
	struct pack_table table;
	struct pack_parser *parser;
	git_indexer *stock; /* libgit2's indexer, after the handover */
};

static int
fail(const struct err *e)
{
	if (e->code == ERR_MEMORY)
		git_error_set_oom();
	else
		git_error_set_str(e->code == ERR_SYSTEM ? GIT_ERROR_OS : GIT_ERROR_INDEXER,
				  e->text);
	return GIT_ERROR;
}

static int
fail_errno(const char *what)
{
	struct err e = ERR_INIT;

	err_set_errno(&e, errno, "%s", what);
	return fail(&e);
}

static void
drop_file(struct indexer *x)
{
	fd_close(x->fd);
	x->fd = -1;
	if (x->path[0] != '\0')
		(void)unlink(x->path);
	x->path[0] = '\0';
}

static int
give_stock_the_file(struct indexer *x, git_indexer_progress *stats)
{
	char *piece = malloc(REPLAY_BYTES);
	off_t offset = 0;
	ssize_t n = 1;
	int code = 0;

	if (piece == NULL) {
		git_error_set_oom();
		return GIT_ERROR;
	}
	while (code == 0 && n != 0) {
		n = pread(x->fd, piece, REPLAY_BYTES, offset);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			code = fail_errno("read the pack");
		else if (n > 0)
			code = git_indexer_append(x->stock, piece, (size_t)n, stats);
		offset += n;
	}
	free(piece);
	return code;
}

static int
hand_over(struct indexer *x, git_indexer_progress *stats)
{
	const struct indexer_options *o = x->backend->options;
	git_indexer_options options;
	int code;

	pack_parser_free(x->parser);
	x->parser = NULL;
	(void)git_indexer_options_init(&options, GIT_INDEXER_OPTIONS_VERSION);
	options.progress_cb = x->progress;
	options.progress_cb_payload = x->progress_arg;
	/* libgit2's connectivity check fails on shallow clones. */
	options.verify = o->checks_links && (o->shallow == NULL || o->shallow->len == 0);
	code = git_indexer_new(&x->stock, x->backend->directory, 0, x->odb, &options);
	if (code == 0)
		code = give_stock_the_file(x, stats);
	drop_file(x);
	return code;
}

/* Holds back the last bytes: only the end of the stream shows that they were the trailer. */
static void
add_to_checksum(struct indexer *x, const uint8_t *data, size_t len)
{
	size_t fresh = len < PACK_TRAILER_BYTES ? len : PACK_TRAILER_BYTES;
	size_t kept = PACK_TRAILER_BYTES - fresh;
	size_t spent;

	if (kept > x->tail_len)
		kept = x->tail_len;
	spent = x->tail_len - kept;
	crypto_digest_add(x->sha1, x->tail, spent);
	crypto_digest_add(x->sha1, data, len - fresh);
	memmove(x->tail, x->tail + spent, kept);
	memcpy(x->tail + kept, data + (len - fresh), fresh);
	x->tail_len = kept + fresh;
}

static int
write_file(struct indexer *x, const uint8_t *data, size_t len)
{
	struct str bytes = {(const char *)data, len};

	return fd_write_all(x->fd, bytes) ? 0 : fail_errno("write the pack");
}

static int
report(const struct indexer *x, const git_indexer_progress *stats)
{
	return x->progress == NULL ? 0 : x->progress(stats, x->progress_arg);
}

static void
set_stats(git_indexer_progress *stats, const struct pack_counts *counts)
{
	stats->total_objects = counts->declared;
	stats->received_objects = counts->objects;
	stats->indexed_objects = counts->objects - counts->deltas;
	stats->total_deltas = counts->deltas;
}

/* Reports the parser's error. */
static int
broken(struct indexer *x)
{
	struct pack_counts counts;
	struct err e = ERR_INIT;

	(void)!pack_parser_end(x->parser, &counts, &e);
	return fail(&e);
}

/* The shallow commits are known only when the pack begins. */
static bool
set_shallow(struct indexer *x, struct err *e)
{
	const struct buf *shallow = x->backend->options->shallow;

	return x->table.links == NULL || shallow == NULL ||
	       pack_links_set_shallow(x->table.links, buf_view(shallow), e);
}

static int
on_append(git_odb_writepack *parent, const void *data, size_t len, git_indexer_progress *stats)
{
	struct indexer *x = (struct indexer *)(void *)parent;
	struct pack_counts counts;
	struct err e = ERR_INIT;
	int code;

	if (x->stock != NULL)
		return git_indexer_append(x->stock, data, len, stats);
	code = write_file(x, data, len);
	if (code != 0)
		return code;
	add_to_checksum(x, data, len);
	if (x->size == 0 && !set_shallow(x, &e))
		return fail(&e);
	x->size += len;
	switch (pack_parser_grow(x->parser, x->size, &counts)) {
	case PACK_UNUSUAL:
		return hand_over(x, stats);
	case PACK_BROKEN:
		return broken(x);
	case PACK_READING:
	case PACK_COMPLETE:
		break;
	}
	set_stats(stats, &counts);
	return report(x, stats);
}

static int
check_trailer(struct indexer *x)
{
	uint8_t digest[CRYPTO_SHA1_BYTES];
	struct err e = ERR_INIT;

	crypto_digest_end(x->sha1, digest);
	if (x->tail_len == sizeof(digest) && memcmp(digest, x->tail, sizeof(digest)) == 0)
		return 0;
	err_set(&e, ERR_PROTOCOL, "the pack's checksum does not match: it was damaged in transit");
	return fail(&e);
}

static int
check_links(struct indexer *x)
{
	struct err e = ERR_INIT;

	return x->table.links == NULL || pack_links_check(x->table.links, &e) ? 0 : fail(&e);
}

static int
resolve(struct indexer *x, unsigned threads, git_indexer_progress *stats)
{
	unsigned roots = x->table.count - x->table.deltas;
	struct err e = ERR_INIT;
	struct pack_resolve *r;
	uint32_t deltas = 0;
	bool is_done = false;
	int code = 0;

	if (x->table.deltas == 0)
		return report(x, stats);
	r = pack_resolve_new(x->fd, &x->table, &x->memory, threads, &e);
	if (r == NULL)
		return fail(&e);
	while (code == 0 && !is_done) {
		is_done = pack_resolve_wait(r, RESOLVE_POLL_MS, &deltas);
		stats->indexed_deltas = deltas;
		stats->indexed_objects = roots + deltas;
		code = report(x, stats);
	}
	if (code == 0 && !pack_resolve_end(r, &e))
		code = fail(&e);
	pack_resolve_free(r);
	return code;
}

/* Returns the final paths of pack and index, named by the pack's checksum as in git. */
static bool
name_file(const struct indexer *x, char *path, const char *suffix)
{
	struct buf hex;
	int len = -1;

	buf_init(&hex, 64);
	if (crypto_hex_encode(&hex,
			      (struct str){(const char *)x->table.trailer, PACK_TRAILER_BYTES}))
		len = snprintf(path, PATH_BYTES, "%s/pack-%.*s.%s", x->backend->directory,
			       STR_FMT(buf_view(&hex)), suffix);
	buf_fini(&hex);
	return len > 0 && len < PATH_BYTES;
}

/* The index comes last: git ignores a pack without one. */
static int
publish(struct indexer *x, const char *index_path)
{
	char pack[PATH_BYTES];
	char index[PATH_BYTES];

	if (!name_file(x, pack, "pack") || !name_file(x, index, "idx")) {
		errno = ENAMETOOLONG;
		return fail_errno("name the pack");
	}
	if (fchmod(x->fd, FILE_MODE) < 0 || rename(x->path, pack) < 0)
		return fail_errno("rename the pack");
	x->path[0] = '\0';
	return rename(index_path, index) == 0 ? 0 : fail_errno("rename the pack's index");
}

static int
write_index(struct indexer *x, git_indexer_progress *stats)
{
	char path[PATH_BYTES + 8];
	enum pack_index_result result = PACK_INDEX_FAILED;
	struct err e = ERR_INIT;
	int code = GIT_ERROR;
	int fd;

	snprintf(path, sizeof(path), "%s_idx", x->path);
	fd = open(path, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, FILE_MODE);
	if (fd < 0)
		return fail_errno("make the pack's index");
	result = pack_index_write(&x->table, fd, &e);
	if (close(fd) < 0 && result == PACK_INDEX_WRITTEN)
		code = fail_errno("write the pack's index");
	else if (result == PACK_INDEX_WRITTEN)
		code = publish(x, path);
	else if (result == PACK_INDEX_FAILED)
		code = fail(&e);
	if (code != 0)
		(void)unlink(path);
	return result == PACK_INDEX_DUPLICATE ? hand_over(x, stats) : code;
}

static int
on_commit(git_odb_writepack *parent, git_indexer_progress *stats)
{
	struct indexer *x = (struct indexer *)(void *)parent;
	unsigned threads = x->backend->options->threads;
	struct pack_counts counts;
	struct err e = ERR_INIT;
	int code = 0;

	if (x->stock == NULL) {
		switch (pack_parser_end(x->parser, &counts, &e)) {
		case PACK_READING:
		case PACK_BROKEN:
			return fail(&e);
		case PACK_UNUSUAL:
			code = hand_over(x, stats);
			break;
		case PACK_COMPLETE:
			set_stats(stats, &counts);
			code = check_trailer(x);
			if (code == 0)
				code = resolve(x, threads == 0 ? thread_cores() : threads, stats);
			if (code == 0)
				code = check_links(x);
			if (code == 0)
				code = write_index(x, stats);
			break;
		}
	}
	if (code == 0 && x->stock != NULL)
		code = git_indexer_commit(x->stock, stats);
	return code;
}

static void
on_free(git_odb_writepack *parent)
{
	struct indexer *x = (struct indexer *)(void *)parent;

	pack_parser_free(x->parser);
	git_indexer_free(x->stock);
	pack_links_free(x->table.links);
	pack_table_fini(&x->table);
	crypto_digest_free(x->sha1);
	drop_file(x);
	free(x);
}

static bool
open_file(struct indexer *x, struct err *e)
{
	int len = snprintf(x->path, sizeof(x->path), "%s/tmp_pack_XXXXXX", x->backend->directory);

	if (len < 0 || (size_t)len >= sizeof(x->path)) {
		x->path[0] = '\0';
		return err_set_errno(e, ENAMETOOLONG, "name the pack");
	}
	x->fd = mkostemp(x->path, O_CLOEXEC);
	if (x->fd >= 0)
		return true;
	x->path[0] = '\0';
	return err_set_errno(e, errno, "create the pack file");
}

static bool
start(struct indexer *x, struct err *e)
{
	const struct indexer_options *o = x->backend->options;
	unsigned threads = o->threads == 0 ? thread_cores() : o->threads;

	x->sha1 = crypto_sha1_new();
	if (x->sha1 == NULL)
		return err_set(e, ERR_MEMORY, "out of memory");
	pack_memory_init(&x->memory, x->backend->directory, o->memory_max_bytes);
	if (!pack_table_init(&x->table, e) || !open_file(x, e))
		return false;
	if (o->checks_links && (x->table.links = pack_links_new(&x->table, e)) == NULL)
		return false;
	x->parser = pack_parser_new(x->fd, &x->table, &x->memory, threads - 1, e);
	return x->parser != NULL;
}

static int
on_writepack(git_odb_writepack **out, git_odb_backend *backend, git_odb *odb,
	     git_indexer_progress_cb progress, void *progress_arg)
{
	struct indexer *x = calloc(1, sizeof(*x));
	struct err e = ERR_INIT;

	if (x == NULL) {
		git_error_set_oom();
		return GIT_ERROR;
	}
	x->parent.backend = backend;
	x->parent.append = on_append;
	x->parent.commit = on_commit;
	x->parent.free = on_free;
	x->backend = (struct backend *)(void *)backend;
	x->odb = odb;
	x->progress = progress;
	x->progress_arg = progress_arg;
	x->fd = -1;
	if (!start(x, &e)) {
		on_free(&x->parent);
		return fail(&e);
	}
	*out = &x->parent;
	return 0;
}

static void
on_backend_free(git_odb_backend *backend)
{
	free(backend);
}

static int
replace_odb(struct git_repository *repository, struct backend *b)
{
	git_odb *odb = NULL;
	int code = git_odb_new(&odb);

	if (code == 0)
		code = git_odb_add_backend(odb, &b->parent, PRIORITY);
	if (code != 0)
		free(b);
	else
		code = git_repository_set_odb(repository, odb);
	git_odb_free(odb);
	return code;
}

int
indexer_install(struct git_repository *repository, const struct indexer_options *options,
		struct git_odb **former)
{
	struct backend *b = calloc(1, sizeof(*b));
	int code;

	*former = NULL;
	if (b == NULL) {
		git_error_set_oom();
		return GIT_ERROR;
	}
	(void)git_odb_init_backend(&b->parent, GIT_ODB_BACKEND_VERSION);
	b->parent.writepack = on_writepack;
	b->parent.free = on_backend_free;
	b->options = options;
	snprintf(b->directory, sizeof(b->directory), "%sobjects/pack",
		 git_repository_path(repository));
	code = git_repository_odb(former, repository);
	if (code != 0) {
		free(b);
		return code;
	}
	return replace_odb(repository, b);
}

void
indexer_remove(struct git_repository *repository, struct git_odb *former)
{
	if (former != NULL)
		(void)git_repository_set_odb(repository, former);
	git_odb_free(former);
}
