/* SPDX-License-Identifier: Apache-2.0 */
/*
 * State and helpers that the steps of a clone share; clone/git_clone.c runs the steps in order.
 */
#ifndef CLONE_GIT_GIT_STEPS_H
#define CLONE_GIT_GIT_STEPS_H

#include <git2.h>

#include "clone/checkout/noncanonical_trees.h"
#include "clone/git/git_request.h"
#include "clone/git/transport.h"
#include "clone/pack/indexer.h"

struct lfs;

struct transfer {
	const struct git_request *request;
	struct clone_failure *failure;
	struct clone_progress progress;
	git_repository *repository;
	git_remote *remote;
	char *default_branch; /* "refs/heads/…"; NULL: unknown */
	char *branch;	      /* short name; NULL: detached, or nothing to check out */
	char *tag;	      /* "refs/tags/…" */
	git_oid detached;     /* commit, or tag of one, to check out without a branch and a tag */
	bool has_detached;
	/* Fetched in addition to branches and tags: another kind of ref, HEAD, or an object id. */
	char *extra;
	char *unborn;	       /* "refs/heads/…" that HEAD names and the remote does not have */
	struct buf shallow;    /* ids of shallow commits, one per line */
	bool is_head_detached; /* the remote's */
	bool takes_ids;	       /* the remote accepts wants of object ids */
	bool has_attributes;   /* the tree contains a .gitattributes */
	bool has_submodules;   /* the tree contains gitlinks */
	bool has_includes;     /* a .gitmodules may include other files, or is too large */
	bool is_sorted;	       /* all trees are sorted as git does */
	uint64_t files;	       /* number of files in the tree */
	struct noncanonical_trees noncanonical_trees;
	struct lfs *lfs; /* NULL: no LFS files, or none fetched */
	struct indexer_options indexer;
	struct transport_options transport;
};

/* Records libgit2's error in this step, unless the transport or indexer has recorded a reason.
 * Always returns false. */
bool git_steps_fail(struct transfer *t, int code, const char *step);

/* As git_steps_fail, for an error of our own. */
bool git_steps_fail_err(struct transfer *t, const struct err *e);

/* Makes libgit2 ignore the configuration of the system and of the user. Returns 0 or an error code
 * of libgit2. */
int git_steps_read_no_configuration(void);

/* Sets libgit2's global options: no system or user configuration, limits. */
bool git_steps_set_options(struct transfer *t);

/* Reports progress; the phase never goes back. False: stop. */
bool git_steps_report(struct transfer *t, enum clone_phase phase);

/* Drops network access if the request has a function for it. Close connections before. */
void git_steps_leave_network(const struct transfer *t);

/* Whether the files can be written with several threads: whether the file system has permissions,
 * links and case, and the trees are sorted. */
bool git_steps_can_write_files(const struct transfer *t) MUST_CHECK;

/* Returns the class of a libgit2 error from its class (git_error_t) and its message. */
enum clone_problem git_steps_problem(int class, const char *message);

/*
 * Takes the place of Mbed TLS's function, and adds no certificate to the chain: libgit2 parses the
 * system's certificate authorities whenever it is initialized, for a TLS stream of its own. Nothing
 * uses that stream, as transport.h connects by libcurl; if anything did, it would trust no server.
 */
int mbedtls_x509_crt_parse_file(void *chain, const char *path)
	__attribute__((visibility("default")));

#endif
