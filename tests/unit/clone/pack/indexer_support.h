/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the tests of the pack indexer share: repositories, packs and their indexes.
 */
#ifndef TESTS_UNIT_CLONE_PACK_INDEXER_SUPPORT_H
#define TESTS_UNIT_CLONE_PACK_INDEXER_SUPPORT_H

#include <dirent.h>
#include <fcntl.h>
#include <git2.h>
#include <git2/sys/odb_backend.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include <cmocka.h>

#include "base/crypto/crypto.h"
#include "clone/pack/indexer.h"
#include "tests/unit/remove_tree.h"
#include "tests/unit/temporary.h"

#define PACK_MAX (32u * 1024u * 1024u)
#define PLENTY	 (256u * 1024u * 1024u)

static char folder[64];

/* Runs a shell command, which must succeed. */
static inline void PRINTF_LIKE(1, 2) run(const char *format, ...)
{
	char command[3072];
	va_list args;

	va_start(args, format);
	vsnprintf(command, sizeof(command), format, args);
	va_end(args);
	if (system(command) != 0) /* NOLINT(cert-env33-c,bugprone-command-processor): test */
		fail_msg("%s", command);
}

/* Creates the folder, without packs. */
static inline int
make_folder(void **state)
{
	(void)state;
	snprintf(folder, sizeof(folder), "%s/test-indexer-XXXXXX", temporary_folder());
	assert_non_null(mkdtemp(folder));
	git_libgit2_init();
	return 0;
}

/* Creates a repository with history, and packs of it by git, which computes the deltas once. */
static inline int
make_packs(void **state)
{
	(void)make_folder(state);
	run("exec >'%s/x.log' 2>&1; set -e; cd '%s'; export HOME=/nonexistent; git init -q -b main "
	    "s; "
	    "cd s; git config core.compression 1; { awk 'BEGIN { for (i = 1; i <= 60; i++) { "
	    "printf \"commit refs/heads/main\\ncommitter S <s@a> %%d +0000\\n\", 1700000000 + i; "
	    "printf \"data %%d\\n%%s\\n\", length(i), i; "
	    "for (j = 1; j <= 3; j++) { t = \"\"; "
	    "for (k = 1; k <= i * 20 + j; k++) { l = k; sub(7, i \"-\" j, l); t = t l \"\\n\" } "
	    "printf \"M 100644 inline d/%%d/f%%d\\ndata %%d\\n%%s\", i %% 5, j, length(t), t } } "
	    "printf \"commit refs/heads/main\\ncommitter S <s@example.com> 1700001000 +0000\\n\"; "
	    "printf \"data 5\\nlarge\\nM 100644 inline large\\ndata 1200000\\n\" }'; "
	    "head -c 1200000 /dev/urandom; printf '\\ntag t\\nfrom refs/heads/main\\n"
	    "tagger S <s@example.com> 1700001000 +0000\\ndata 1\\nt\\n'; } | "
	    "git fast-import --quiet; git repack -q -a -d -f --depth=50; "
	    "git rev-list --objects --all >../all; "
	    "git pack-objects -q --stdout --delta-base-offset --depth=50 <../all >../ofs.pack; "
	    "git rev-list --objects HEAD~1 | git pack-objects -q --stdout --delta-base-offset "
	    "--depth=50 >../small.pack; "
	    "git pack-objects -q --stdout --depth=10 <../all >../ref.pack; "
	    "printf 'HEAD\\n^HEAD~3\\n' | git pack-objects -q --revs --thin --stdout "
	    "--delta-base-offset >../thin.pack; "
	    "git pack-objects -q --stdout </dev/null >../empty.pack; "
	    "without() { id=$(git rev-parse $2); grep -v ^$id ../all | "
	    "git pack-objects -q --stdout --delta-base-offset $3 >../$1.pack; }; "
	    "without no-file HEAD:large; without no-changed-file HEAD~9:d/1/f1; "
	    "without no-folder HEAD~30:d; without no-root HEAD~30^{tree}; "
	    "without no-parent HEAD~30; without no-tagged HEAD; "
	    "git rev-list --objects -3 HEAD | git pack-objects -q --stdout --delta-base-offset "
	    ">../shallow.pack; git rev-parse HEAD~2 >../shallow-ids; "
	    "grep -v ^$(git rev-parse HEAD:d) ../all | git pack-objects -q --stdout "
	    ">../no-base.pack",
	    folder, folder);
	return 0;
}

static inline int
remove_folder(void **state)
{
	(void)state;
	git_libgit2_shutdown();
	return remove_tree(folder);
}

struct outcome {
	int code;
	int class; /* of libgit2's error */
	char message[256];
	char pack[512]; /* path without suffix; "": none */
	unsigned files; /* in objects/pack */
	git_indexer_progress stats;
	unsigned calls;
	unsigned stop_at; /* this call of the progress callback stops it; 0: none */
	bool stop_late;	  /* ... once all objects are received */
};

static inline int
on_progress(const git_indexer_progress *stats, void *arg)
{
	struct outcome *o = arg;

	o->calls++;
	if (o->stop_late && stats->received_objects == stats->total_objects)
		return GIT_EUSER;
	return o->stop_at != 0 && o->calls >= o->stop_at ? GIT_EUSER : 0;
}

static inline void
look_at_files(const char *repository, struct outcome *o)
{
	char path[256];
	struct dirent *entry;
	DIR *d;

	snprintf(path, sizeof(path), "%s/objects/pack", repository);
	d = opendir(path);
	assert_non_null(d);
	while ((entry = readdir(d)) != NULL) {
		char *dot = strrchr(entry->d_name, '.');

		if (entry->d_name[0] == '.')
			continue;
		o->files++;
		if (dot != NULL && strcmp(dot, ".idx") == 0)
			snprintf(o->pack, sizeof(o->pack), "%s/%.*s", path,
				 (int)(dot - entry->d_name), entry->d_name);
	}
	closedir(d);
}

/* Indexes a pack in pieces, in a new repository at folder/r. */
static inline void
index_pack(struct str pack, size_t piece, const struct indexer_options *options, struct outcome *o)
{
	git_repository *repository = NULL;
	git_odb *former = NULL;
	git_odb *odb = NULL;
	git_odb_writepack *writer = NULL;
	const git_error *last;
	char path[128];

	snprintf(path, sizeof(path), "%s/r", folder);
	(void)remove_tree(path);
	assert_int_equal(git_repository_init(&repository, path, 1), 0);
	assert_int_equal(indexer_install(repository, options, &former), 0);
	assert_int_equal(git_repository_odb(&odb, repository), 0);
	assert_int_equal(git_odb_write_pack(&writer, odb, on_progress, o), 0);
	o->code = 0;
	while (o->code == 0 && pack.len > 0) {
		struct str now = str_take(pack, piece);

		o->code = writer->append(writer, now.data, now.len, &o->stats);
		pack = str_skip(pack, now.len);
	}
	if (o->code == 0)
		o->code = writer->commit(writer, &o->stats);
	last = git_error_last();
	if (o->code != 0 && last != NULL) {
		o->class = last->klass;
		snprintf(o->message, sizeof(o->message), "%s", last->message);
	}
	writer->free(writer);
	git_odb_free(odb);
	indexer_remove(repository, former);
	git_repository_free(repository);
	look_at_files(path, o);
}

static inline void
assert_as_git_does(const struct outcome *o)
{
	assert_string_equal(o->message, "");
	assert_int_equal(o->code, 0);
	assert_int_equal(o->files, 2);
	run("cd '%s' && rm -f x.idx && git index-pack -o x.idx '%s.pack' >x.log 2>&1 && "
	    "cmp x.idx '%s.idx' && git -C r fsck --full --strict >>x.log 2>&1",
	    folder, o->pack, o->pack);
}

#endif
