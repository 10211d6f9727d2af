/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The front door of cloning: starts the worker (a child process of the same binary), follows its
 * progress, tells those who watch. The worker holds libgit2; this side only reads JSON lines from a
 * pipe.
 */
#ifndef CLONE_CLONE_H
#define CLONE_CLONE_H

#include <sys/types.h>

#include "base/log.h"
#include "base/loop.h"
#include "base/secret.h"
#include "base/url.h"

#define CLONE_ORIGINS_MAX 16
struct clone_origins {
	struct url items[CLONE_ORIGINS_MAX];
	size_t count;
};

struct clone_number { /* a setting that may be left as it is found */
	bool is_set;
	unsigned value;
};

struct clone_settings {
	struct url url; /* host is empty: no clone */
	const char *dir;
	const char *ref;	   /* branch, tag or NULL for the remote's default */
	struct secret *token;	   /* clones at start; NULL: wait for the first user */
	const char *ca_file;	   /* NULL: the system's */
	uint64_t stall_timeout_ms; /* no progress for this long ends the worker */
	uint64_t depth;		   /* commits of history; 0: all */
	bool unshallow;		   /* what depth leaves out comes afterwards */
	uint64_t memory_bytes;	   /* for objects while a pack is indexed */
	uint64_t submodules;	   /* levels of them; 0: none */
	bool lfs;		   /* large files are fetched where git-lfs is installed */
	uint64_t retries;	   /* after what may pass by itself */
	uint64_t bytes_max;	   /* received for one repository */
	uint64_t files_max;	   /* and folders, in what is checked out */
	uint64_t file_bytes_max;   /* bytes of one of them */
	struct clone_number umask; /* of what is written */
	struct clone_number group; /* that it belongs to */
	const char *marker;	   /* file that says the clone is done, as GitLab's; NULL: none */
	struct clone_origins origins; /* that may be cloned from besides, without credentials */
	struct url gitlab_url;	      /* credentials go to this origin only */
	const char *helper;	      /* git's credential.helper for that origin; NULL: none */
};

enum clone_phase {
	CLONE_OFF,     /* nothing to clone */
	CLONE_WAITING, /* for a user's token */
	CLONE_CONNECTING,
	CLONE_RECEIVING,
	CLONE_RESOLVING, /* deltas */
	CLONE_CHECKOUT,
	CLONE_DONE, /* cloned, or a repository was there already */
	CLONE_FAILED,
};

enum clone_problem {
	CLONE_PROBLEM_NONE,
	CLONE_PROBLEM_TOKEN,	   /* 401: the token is wrong, expired or lacks the scope */
	CLONE_PROBLEM_NO_ACCESS,   /* 403 */
	CLONE_PROBLEM_NOT_FOUND,   /* 404, or GitLab hides it */
	CLONE_PROBLEM_REF,	   /* no such branch or tag */
	CLONE_PROBLEM_UNREACHABLE, /* resolve, connect, reset, 5xx */
	CLONE_PROBLEM_TLS,
	CLONE_PROBLEM_STALLED,
	CLONE_PROBLEM_DISK_FULL,
	CLONE_PROBLEM_NOT_EMPTY,  /* the target holds something that is no repository */
	CLONE_PROBLEM_PERMISSION, /* the target can't be written */
	CLONE_PROBLEM_REFUSED,	  /* a repository or an address that we don't clone */
	CLONE_PROBLEM_INTERNAL,
	CLONE_PROBLEM_OTHER_REPOSITORY, /* the target holds a clone of something else */
};

/* What is worth saying about a clone that succeeded; bits. */
enum clone_note {
	CLONE_NOTE_FOUND = 1,	    /* a repository was there already */
	CLONE_NOTE_CLOSED = 2,	    /* ... and git does not open it */
	CLONE_NOTE_MARKED = 4,	    /* CLONE_MARKER says that it was cloned before */
	CLONE_NOTE_LFS = 8,	    /* files of LFS are pointers still */
	CLONE_NOTE_SUBMODULES = 16, /* some are missing */
};

/* What comes after a clone with a depth that is done, while people work in it. */
enum clone_history_state {
	CLONE_HISTORY_NONE, /* nothing is to come */
	CLONE_HISTORY_COMING,
	CLONE_HISTORY_COMPLETE,
	CLONE_HISTORY_MISSING, /* could not be had; tried again at the next start */
};

struct clone_history {
	enum clone_history_state state;
	uint64_t objects_done, objects_total;
	uint64_t bytes; /* received; 0: the server has not begun to answer */
};

struct clone_progress {
	enum clone_phase phase;
	uint64_t objects_done, objects_total;
	uint64_t deltas_done, deltas_total;
	uint64_t files_done, files_total;
	uint64_t bytes;	      /* received */
	uint64_t bytes_per_s; /* over the last seconds */
	uint64_t left_s;      /* about what is left of this phase; 0: unknown */
	unsigned attempt;     /* 0: the first one */
	int64_t started_at_s; /* wall clock; 0: not started */
	int64_t ended_at_s;
	unsigned percent; /* of the whole, monotonic */
	enum clone_problem problem;
	unsigned notes;		      /* enum clone_note */
	struct clone_history history; /* once the phase is CLONE_DONE */
	bool can_retry;
	bool can_stop;	   /* within the worker: see clone/git.h */
	char message[512]; /* plain words for people: what happens, or what went wrong and what to
			      do */
};

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

/* {"phase":"receiving","percent":42,…}: the same for pages, the event stream and the log. */
bool clone_progress_json(const struct clone_progress *p, struct buf *out) MUST_CHECK;
const char *clone_phase_name(enum clone_phase phase);
const char *clone_problem_name(enum clone_problem problem);
const char *clone_history_name(enum clone_history_state state); /* "coming" */

typedef void clone_changed_fn(const struct clone_progress *p, void *arg);

/* At most ten calls a second, and one for every change of phase. fn may start and stop watches, and
 * start the clone again; it may not free the clone. */
struct clone_watch {
	struct clone_watch *next;
	struct clone_watch **link; /* NULL: not watching */
	clone_changed_fn *fn;
	void *arg;
};
void clone_watch_start(struct clone_watch *w, struct clone *c, clone_changed_fn *fn, void *arg);
void clone_watch_stop(struct clone_watch *w);

/*
 * `workspace-proxy clone`: the worker. With --worker it reads the token from descriptor 3 and
 * writes progress to descriptor 4; by hand it shows a progress bar and reads the token from
 * settings. --help needs no settings: they may be NULL. Exit codes: 0 done, 1 configuration, 2
 * command line, else 10 plus the enum clone_problem.
 */
int clone_run(const struct clone_settings *settings, int argc, char **argv);

#endif
