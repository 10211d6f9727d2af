/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the steps of a clone share: see git.c, which takes them in turn. Private to git*.c.
 */
#ifndef CLONE_GIT_GIT_STEPS_H
#define CLONE_GIT_GIT_STEPS_H

#include <git2.h>

#include "clone/git/transport.h"
#include "clone/git_clone.h"
#include "clone/pack/indexer.h"

struct transfer {
	const struct clone_git_request *request;
	struct clone_failure *failure;
	struct clone_progress progress;
	git_repository *repository;
	git_remote *remote;
	char *default_branch; /* "refs/heads/…", NULL: the remote names none */
	char *branch;	      /* short name; NULL: detached or nothing to check out */
	char *tag;	      /* "refs/tags/…" */
	git_oid detached;     /* without a branch and a tag */
	bool has_detached;
	struct buf shallow;  /* ids of commits without their parents */
	bool has_attributes; /* a .gitattributes somewhere in the tree */
	bool has_submodules; /* as links to commits */
	bool is_sorted;	     /* each tree as git sorts them */
	uint64_t files;	     /* in the tree, without folders */
	struct indexer_options indexer;
	struct transport_options transport;
};

/* Why libgit2 did not take this step, unless something closer to the reason has said so. Always
 * false. */
bool git_steps_fail(struct transfer *t, int code, const char *step);

/* The same for what is not libgit2's. */
bool git_steps_fail_err(struct transfer *t, const struct err *e);

/* Nothing on this machine configures what we do: no /etc/gitconfig, no ~/.gitconfig. */
bool git_steps_set_options(struct transfer *t);

/* Phases only go forward. False: stop. */
bool git_steps_report(struct transfer *t, enum clone_phase phase);

/* git_credential.c: the helper that git uses for this remote from now on. */
bool git_credential_configure(struct transfer *t);

/* git_refs.c: what HEAD will be, from what the remote offers; an empty remote leaves all unset. */
bool git_refs_choose(struct transfer *t);
/* HEAD, the branch that it names and what that branch tracks, as `git clone` leaves them; of a bare
 * one only the remote's HEAD. */
bool git_refs_set(struct transfer *t);

/* git_fetch.c: lists the remote's refs, then gets what the request wants of them. */
bool git_fetch_connect(struct transfer *t);
bool git_fetch_run(struct transfer *t);

/* git_packed_refs.c: the refs of what was fetched. */
bool git_packed_refs_write(struct transfer *t);

/* git_tree.c: whether HEAD's tree may be checked out. */
bool git_tree_check(struct transfer *t);

/* git_submodules.c: what can be had of them; the rest is noted. */
void git_submodules_run(struct transfer *t);

/* git_files.c: our own way to write them, and whether it is one for this tree and file system. */
bool git_files_can_write(struct transfer *t);
bool git_files_write(struct transfer *t);

/* git_checkout.c: the files of HEAD, if it names any. */
bool git_checkout_run(struct transfer *t);

#endif
