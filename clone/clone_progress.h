/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Phase, counters and result of a clone, as used by pages, the event stream, metrics and the log.
 */
#ifndef CLONE_CLONE_PROGRESS_H
#define CLONE_CLONE_PROGRESS_H

#include <stdint.h>

#include "base/str.h"

enum clone_phase {
	CLONE_OFF,     /* nothing to clone */
	CLONE_WAITING, /* for a user's token */
	CLONE_CONNECTING,
	CLONE_RECEIVING,
	CLONE_RESOLVING, /* deltas */
	CLONE_LFS,	 /* fetching LFS files */
	CLONE_CHECKOUT,
	CLONE_DONE, /* cloned, or a repository existed already */
	CLONE_FAILED,
};
#define CLONE_PHASES (CLONE_FAILED + 1)

enum clone_problem {
	CLONE_PROBLEM_NONE,
	CLONE_PROBLEM_TOKEN,	   /* 401: the token is wrong, expired or lacks the scope */
	CLONE_PROBLEM_NO_ACCESS,   /* 403 */
	CLONE_PROBLEM_NOT_FOUND,   /* 404, or GitLab hides it */
	CLONE_PROBLEM_REF,	   /* no such branch, tag or commit */
	CLONE_PROBLEM_UNREACHABLE, /* resolve, connect, reset, 5xx */
	CLONE_PROBLEM_TLS,
	CLONE_PROBLEM_STALLED,
	CLONE_PROBLEM_DISK_FULL,
	CLONE_PROBLEM_NOT_EMPTY,  /* the target contains files but no repository */
	CLONE_PROBLEM_PERMISSION, /* the target can't be written */
	CLONE_PROBLEM_REFUSED,	  /* repository or address not accepted */
	CLONE_PROBLEM_INTERNAL,
	CLONE_PROBLEM_OTHER_REPOSITORY, /* the target is a clone of another repository */
};

/* Remarks about a clone that succeeded or, CLONE_NOTE_WAITS, is running; bits. */
enum clone_note {
	CLONE_NOTE_EXISTING = 1,    /* a repository existed already */
	CLONE_NOTE_UNREADABLE = 2,  /* ... and cannot be opened */
	CLONE_NOTE_MARKED = 4,	    /* CLONE_MARKER exists: cloned before */
	CLONE_NOTE_LFS = 8,	    /* LFS files are still pointers */
	CLONE_NOTE_SUBMODULES = 16, /* some are missing */
	CLONE_NOTE_NO_HEAD = 32,    /* the remote's HEAD names no branch: nothing is checked out */
	CLONE_NOTE_WAITS = 64,	    /* for the target to become writable */
};

/* The history that CLONE_DEPTH left out, fetched while users work. */
enum clone_history_state {
	CLONE_HISTORY_NONE, /* nothing to fetch */
	CLONE_HISTORY_COMING,
	CLONE_HISTORY_COMPLETE,
	CLONE_HISTORY_MISSING, /* failed; retried at the next start */
};
#define CLONE_HISTORY_STATES (CLONE_HISTORY_MISSING + 1)

struct clone_history {
	enum clone_history_state state;
	uint64_t objects_done, objects_total;
	uint64_t bytes; /* received; 0: no answer yet */
};

struct clone_counters {
	uint64_t objects_done, objects_total;
	uint64_t deltas_done, deltas_total;
	uint64_t files_done, files_total;
	uint64_t bytes; /* received */
};

struct clone_lfs {
	uint64_t objects_done, objects_total;
	uint64_t bytes_done, bytes_total; /* part of the counters' bytes */
};

struct clone_rate {
	uint64_t bytes_per_s; /* over the last seconds */
	uint64_t left_s;      /* estimate for this phase; 0: unknown */
};

#define CLONE_REMOTE_TEXT_MAX 201u /* bytes, with the NUL */
struct clone_progress {
	enum clone_phase phase;
	struct clone_counters counters;
	struct clone_lfs lfs;
	struct clone_rate rate;
	unsigned attempt;     /* 0: the first one */
	int64_t started_at_s; /* wall clock; 0: not started */
	int64_t ended_at_s;
	unsigned percent; /* of the whole clone; never decreases */
	enum clone_problem problem;
	unsigned notes;				 /* enum clone_note */
	struct clone_history history;		 /* once the phase is CLONE_DONE */
	char remote_text[CLONE_REMOTE_TEXT_MAX]; /* the server's explanation of a problem */
	bool can_retry;
	bool can_stop; /* inside the worker only: see git_progress_fn */
	/* For users: what is going on, or what failed and how to fix it. */
	char message[512];
};

#define CLONE_PROGRESS_LINE_MAX 4096u /* a line between worker and parent, without its newline */

/* {"phase":"receiving","percent":42,…}: the same JSON for pages, event stream and worker. */
bool clone_progress_json(const struct clone_progress *p, struct buf *out) MUST_CHECK;

/* Parses what clone_progress_json wrote, but for the message. ERR_PROTOCOL for unknown names and
 * negative numbers. */
bool clone_progress_parse(struct str line, struct clone_progress *p, struct err *e) MUST_CHECK;

/* Names by number, as in JSON and metrics. */
extern const char *const clone_phase_names[CLONE_PHASES];
extern const char *const clone_history_names[CLONE_HISTORY_STATES];
const char *clone_problem_name(enum clone_problem problem);

#endif
