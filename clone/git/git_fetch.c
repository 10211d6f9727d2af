/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fetches everything, or with a depth only the requested ref.
 */
#include "clone/git/git_fetch.h"

#include <errno.h>
#include <stdio.h>

#include "clone/git/git_packed_refs.h"

/* Keep-alive packets arrive while the server prepares a pack. */
static void
on_bytes(void *arg)
{
	struct transfer *t = arg;

	(void)t->request->on_progress(&t->progress, t->request->arg);
}

static int
on_transfer(const git_indexer_progress *stats, void *arg)
{
	struct transfer *t = arg;
	struct clone_progress *p = &t->progress;

	p->counters.objects_done = stats->received_objects;
	p->counters.objects_total = stats->total_objects;
	p->counters.deltas_done = stats->indexed_deltas;
	p->counters.deltas_total = stats->total_deltas;
	p->counters.bytes = stats->received_bytes;
	if (p->counters.bytes > t->request->bytes_max) {
		failure_set(t->failure, CLONE_PROBLEM_REFUSED,
			    "more than CLONE_BYTES_MAX (%llu) bytes received",
			    (unsigned long long)t->request->bytes_max);
		return GIT_EUSER;
	}
	return git_steps_report(t, stats->total_objects > 0 &&
						   stats->received_objects >= stats->total_objects
					   ? CLONE_RESOLVING
					   : CLONE_RECEIVING)
		       ? 0
		       : GIT_EUSER;
}

static int
on_transport(git_transport **out, git_remote *remote, void *arg)
{
	struct transfer *t = arg;

	return transport_new(out, remote, &t->transport);
}

static void
set_callbacks(git_remote_callbacks *callbacks, struct transfer *t)
{
	callbacks->transport = on_transport;
	callbacks->transfer_progress = on_transfer;
	callbacks->payload = t;
}

static void
set_transport(struct transfer *t)
{
	const struct git_request *request = t->request;

	t->transport = (struct transport_options){
		.url = request->url,
		.token = request->token,
		.ca_file = request->ca_file,
		.connect_timeout_ms = request->connect_timeout_ms,
		.stall_timeout_ms = request->stall_timeout_ms,
		.cancel_fd = request->cancel_fd,
		.depth = request->depth,
		.shallow = &t->shallow,
		.failure = t->failure,
		.on_bytes = on_bytes,
		.arg = t,
	};
}

bool
git_fetch_connect(struct transfer *t)
{
	git_remote_connect_options options;
	int code;

	set_transport(t);
	git_remote_connect_options_init(&options, GIT_REMOTE_CONNECT_OPTIONS_VERSION);
	set_callbacks(&options.callbacks, t);
	code = git_remote_connect_ext(t->remote, GIT_DIRECTION_FETCH, &options);
	return code == 0 || git_steps_fail(t, code, "connect");
}

/* Restricts the refspec to the requested ref, as `git clone --depth` does. */
static bool
narrow_fetch(struct transfer *t, struct buf *spec)
{
	git_config *config = NULL;
	int code;

	if (t->branch != NULL)
		buf_addf(spec, "+refs/heads/%s:refs/remotes/origin/%s", t->branch, t->branch);
	else if (t->tag != NULL)
		buf_addf(spec, "+%s:%s", t->tag, t->tag);
	if (spec->len == 0)
		return true;
	if (!buf_add_byte(spec, '\0'))
		return failure_set(t->failure, CLONE_PROBLEM_INTERNAL, "no memory");
	if (t->request->widens)
		return true;
	code = git_repository_config(&config, t->repository);
	if (code == 0)
		code = git_config_set_string(config, "remote.origin.fetch", spec->data);
	git_config_free(config);
	return code == 0 || git_steps_fail(t, code, "configure origin");
}

/* Writes the list of shallow commits (gitrepository-layout, "shallow"). */
static bool
write_shallow(struct transfer *t)
{
	struct buf path;
	FILE *file = NULL;
	bool ok;

	if (t->shallow.len == 0)
		return true;
	buf_init(&path, 8192);
	if (buf_addf(&path, "%sshallow", git_repository_path(t->repository)))
		file = fopen(path.data, "wxe");
	ok = file != NULL && fwrite(t->shallow.data, 1, t->shallow.len, file) == t->shallow.len;
	if (file != NULL && fclose(file) != 0)
		ok = false;
	buf_fini(&path);
	return ok || failure_set_errno(t->failure, errno, "write the list of shallow commits");
}

/* Refs are written afterwards, all at once: see git_packed_refs.c. */
static bool
download(struct transfer *t, const git_strarray *specs, git_remote_autotag_option_t tags)
{
	git_fetch_options options;
	int code;

	git_fetch_options_init(&options, GIT_FETCH_OPTIONS_VERSION);
	set_callbacks(&options.callbacks, t);
	options.download_tags = tags;
	code = git_remote_download(t->remote, specs, &options);
	(void)git_remote_disconnect(t->remote);
	return code == 0 || git_steps_fail(t, code, "fetch");
}

static bool
fetch_one(struct transfer *t)
{
	struct buf spec;
	char *text;
	git_strarray specs = {&text, 1};
	bool ok;

	buf_init(&spec, 4096);
	ok = narrow_fetch(t, &spec);
	text = spec.data;
	ok = ok && download(t, spec.len > 0 ? &specs : NULL, GIT_REMOTE_DOWNLOAD_TAGS_AUTO) &&
	     write_shallow(t);
	buf_fini(&spec);
	return ok;
}

bool
git_fetch_run(struct transfer *t)
{
	return (t->request->depth > 0 ? fetch_one(t)
				      : download(t, NULL, GIT_REMOTE_DOWNLOAD_TAGS_ALL)) &&
	       git_packed_refs_write(t);
}
