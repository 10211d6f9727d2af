/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The front door of cloning: starts the worker (a child process of the same binary), follows its
 * progress, tells those who watch. The worker holds libgit2; this side only reads JSON lines from a
 * pipe.
 */
#ifndef CLONE_CLONE_H
#define CLONE_CLONE_H

#include <sys/types.h>

#include "base/list.h"
#include "base/net/loop.h"
#include "clone/clone_progress.h"
#include "clone/settings.h"

struct clone;

/* program: path of this binary (/proc/self/exe). settings outlive it. Starts at once when there is
 * a token. */
struct clone *clone_new(struct loop *l, const struct clone_settings *settings, const char *program,
			struct err *e) MUST_CHECK;
void clone_free(struct clone *c); /* ends the worker, waits for it briefly */

/* Whether pid is the worker, which this module collects when it has ended. */
bool clone_has_child(const struct clone *c, pid_t pid);

const struct clone_progress *clone_progress(const struct clone *c);

/* Starts when WAITING, or FAILED where can_retry; otherwise does nothing. token is copied to the
 * worker; NULL: the settings' one, if any. On failure the clone is FAILED and can be tried again.
 */
bool clone_start(struct clone *c, const struct secret *token, struct err *e) MUST_CHECK;

typedef void clone_changed_fn(const struct clone_progress *p, void *arg);

/* At most ten calls a second, and one for every change of phase. fn may start and stop watches, and
 * start the clone again; it may not free the clone. */
struct clone_watch {
	LIST_ENTRY(clone_watch) entry;
	clone_changed_fn *fn;
	void *arg;
};
void clone_watch_start(struct clone_watch *w, struct clone *c, clone_changed_fn *fn, void *arg);
/* Does nothing unless w was started. */
void clone_watch_stop(struct clone_watch *w);

/*
 * `workspace-proxy clone`: the worker. With --worker it reads the token from descriptor 3 and
 * writes progress to descriptor 4; by hand it shows a progress bar and reads the token from
 * settings. --help needs no settings: they may be NULL. Exit codes: 0 done, 1 configuration, 2
 * command line, else 10 plus the enum clone_problem.
 */
int clone_run(const struct clone_settings *settings, int argc, char **argv);

#endif
