/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The public interface of cloning: starts the worker (a child process of the same binary), follows
 * its progress and notifies watches. The worker links libgit2; this side only reads JSON lines from
 * a pipe.
 */
#ifndef CLONE_CLONE_H
#define CLONE_CLONE_H

#include <sys/types.h>

#include "base/list.h"
#include "base/net/loop.h"
#include "clone/clone_progress.h"
#include "clone/settings.h"

struct clone;

/* program: path of this binary (/proc/self/exe). settings must outlive it. Starts at once if the
 * settings have a token. */
struct clone *clone_new(struct loop *l, const struct clone_settings *settings, const char *program,
			struct err *e) MUST_CHECK;
void clone_free(struct clone *c); /* terminates the worker */

/* Adds rules for the files that the worker reads and changes, because it starts under the sidecar's
 * sandbox. */
void clone_permit(const struct clone_settings *settings, struct confine_rules *rules,
		  struct arena *a);

/* Whether pid is the worker, which this module reaps. */
bool clone_has_child(const struct clone *c, pid_t pid);

const struct clone_progress *clone_progress(const struct clone *c);

/* Starts in phase WAITING, or FAILED with can_retry; otherwise does nothing. The token is copied to
 * the worker; NULL: the token of the settings, if any. On failure the phase is FAILED and the clone
 * can be retried. */
bool clone_start(struct clone *c, const struct secret *token, struct err *e) MUST_CHECK;

typedef void clone_changed_fn(const struct clone_progress *p, void *arg);

/* Called for every change of phase and otherwise at most ten times a second. fn may start and stop
 * watches and start the clone again; it must not free the clone. */
struct clone_watch {
	LIST_ENTRY(clone_watch) entry;
	clone_changed_fn *fn;
	void *arg;
};
void clone_watch_start(struct clone_watch *w, struct clone *c, clone_changed_fn *fn, void *arg);
/* Does nothing unless w was started. */
void clone_watch_stop(struct clone_watch *w);

/*
 * `workspace-proxy clone` (clone_worker.c). With --worker: reads the token from descriptor 3 and
 * writes progress to descriptor 4; a following --wait waits up to a minute for a target that is not
 * writable yet. Without --worker: shows its progress and takes the token from the settings.
 * settings may be NULL for --help. Exit codes: 0 done, 1 configuration, 2 usage, else 10 plus enum
 * clone_problem.
 */
int clone_run(const struct clone_settings *settings, int argc, char **argv);

#endif
