/* SPDX-License-Identifier: Apache-2.0 */
/*
 * State and helpers that the steps of a clone share; clone/git_clone.c runs the steps in order.
 */
#ifndef CLONE_GIT_GIT_STEPS_H
#define CLONE_GIT_GIT_STEPS_H

#include <git2.h>

#include "clone/git/git_request.h"
#include "clone/git/transport.h"
#include "clone/pack/indexer.h"

struct transfer {
	const struct git_request *request;
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

/* The class of a libgit2 error from its class (git_error_t) and its message. */
enum clone_problem git_steps_problem(int class, const char *message);

#endif
