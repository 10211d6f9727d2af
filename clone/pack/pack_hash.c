/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Objects in memory are hashed by git_odb_hash. Large objects go through the write stream of an
 * object database that stores nothing, since libgit2 hashes what is written to it.
 */
#include "clone/pack/pack_hash.h"

#include <git2.h>
#include <git2/sys/odb_backend.h>
#include <stdlib.h>
#include <string.h>

struct pack_hash_stream {
	git_odb_backend backend; /* first */
	git_odb *odb;
	git_odb_stream *stream;
};

static bool
fail(struct err *e)
{
	const git_error *last = git_error_last();

	return err_set(e, ERR_PROTOCOL, "%s", last == NULL ? "hashing failed" : last->message);
}

bool
pack_hash(enum pack_kind kind, const void *data, size_t len, uint8_t id[PACK_ID_BYTES],
	  struct err *e)
{
	git_oid oid;

	if (git_odb_hash(&oid, data, len, (git_object_t)kind) != 0)
		return fail(e);
	memcpy(id, oid.id, PACK_ID_BYTES);
	return true;
}

static int
on_write(git_odb_stream *stream, const char *data, size_t len)
{
	(void)stream;
	(void)data;
	(void)len;
	return 0;
}

static int
on_finalize(git_odb_stream *stream, const git_oid *oid)
{
	(void)stream;
	(void)oid;
	return 0;
}

static void
on_free(git_odb_stream *stream)
{
	free(stream);
}

static int
on_open(git_odb_stream **out, git_odb_backend *backend, git_object_size_t size, git_object_t type)
{
	git_odb_stream *stream = calloc(1, sizeof(*stream));

	(void)size;
	(void)type;
	if (stream == NULL)
		return GIT_ERROR;
	stream->backend = backend;
	stream->mode = GIT_STREAM_WRONLY;
	stream->write = on_write;
	stream->finalize_write = on_finalize;
	stream->free = on_free;
	*out = stream;
	return 0;
}

static void
on_backend_free(git_odb_backend *backend)
{
	(void)backend;
}

struct pack_hash_stream *
pack_hash_stream_new(void)
{
	struct pack_hash_stream *s = calloc(1, sizeof(*s));

	if (s == NULL || git_odb_init_backend(&s->backend, GIT_ODB_BACKEND_VERSION) != 0 ||
	    git_odb_new(&s->odb) != 0) {
		free(s);
		return NULL;
	}
	s->backend.writestream = on_open;
	s->backend.free = on_backend_free;
	if (git_odb_add_backend(s->odb, &s->backend, 1) != 0) {
		pack_hash_stream_free(s);
		return NULL;
	}
	return s;
}

void
pack_hash_stream_free(struct pack_hash_stream *s)
{
	if (s == NULL)
		return;
	git_odb_stream_free(s->stream);
	git_odb_free(s->odb);
	free(s);
}

bool
pack_hash_stream_start(struct pack_hash_stream *s, enum pack_kind kind, uint64_t size,
		       struct err *e)
{
	git_odb_stream_free(s->stream);
	s->stream = NULL;
	return git_odb_open_wstream(&s->stream, s->odb, size, (git_object_t)kind) == 0 || fail(e);
}

bool
pack_hash_stream_add(struct pack_hash_stream *s, const void *data, size_t len, struct err *e)
{
	return git_odb_stream_write(s->stream, data, len) == 0 || fail(e);
}

bool
pack_hash_stream_end(struct pack_hash_stream *s, uint8_t id[PACK_ID_BYTES], struct err *e)
{
	git_oid oid;

	if (git_odb_stream_finalize_write(&oid, s->stream) != 0)
		return fail(e);
	memcpy(id, oid.id, PACK_ID_BYTES);
	return true;
}
