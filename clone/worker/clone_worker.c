/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `workspace-proxy clone`: inspects the target, clones into a temporary directory, moves it into
 * place and reports. As the sidecar's child (--worker) it reads the token from one descriptor and
 * writes progress to another; otherwise it shows a progress bar.
 *
 * When stopped (SIGTERM, SIGINT, SIGHUP, or the progress pipe is closed), it removes what it
 * created.
 */
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log/log.h"
#include "clone/child.h"
#include "clone/git/existing_repository.h"
#include "clone/git_clone.h"
#include "clone/history/history_run.h"
#include "clone/remote_url.h"
#include "clone/target/target.h"
#include "clone/worker/report.h"
#include "clone/worker/worker_log.h"
#include "clone/worker/worker_process.h"
#include "clone/worker/worker_sandbox.h"

#define REPORT_EVERY_MS 100u
#define WAIT_REPORT_MS	1000u
#define SUBMODULES_MAX	256u
#define TARGET_WAIT_MS	60000u
#define TARGET_EVERY_MS 500u

enum { EXIT_DONE = 0, EXIT_SETUP = 1, EXIT_USAGE = 2, EXIT_PROBLEM = 10 };

struct worker {
	const struct clone_settings *settings;
	const struct secret *token;
	struct clone_progress progress;
	struct clone_failure failure;
	struct progress_meter meter;
	struct progress_phase phase;
	struct report report;
	struct target target;
	uint64_t reported_at_ms;
	bool is_abandoned; /* the progress pipe is closed */
	bool waits;	   /* for the target to become writable */
	bool is_child;
};

/* Set by the signal handler; the eventfd wakes up network waits. */
static volatile sig_atomic_t stop_requested;
static int stop_fd = -1;

static void
on_stop_signal(int number)
{
	static const uint64_t one = 1;
	int saved = errno;

	(void)number;
	stop_requested = 1;
	if (write(stop_fd, &one, sizeof(one)) < 0)
		errno = saved;
	errno = saved;
}

static bool
set_signals(void)
{
	static const int stopping[] = {SIGTERM, SIGINT, SIGHUP};
	struct sigaction action = {.sa_handler = on_stop_signal};

	stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (stop_fd < 0)
		return false;
	for (size_t i = 0; i < sizeof(stopping) / sizeof(stopping[0]); i++) {
		if (sigaction(stopping[i], &action, NULL) < 0)
			return false;
	}
	/* Write errors are handled where they occur, and children must be reaped, whatever signal
	 * dispositions were inherited. */
	return signal(SIGCHLD, SIG_DFL) != SIG_ERR && signal(SIGPIPE, SIG_IGN) != SIG_ERR &&
	       signal(SIGXFSZ, SIG_IGN) != SIG_ERR;
}

static void
report_now(struct worker *w)
{
	progress_update_percent(&w->progress);
	progress_describe(&w->progress, w->settings);
	w->reported_at_ms = clock_monotonic_ms();
	if (!report_show(&w->report, &w->progress))
		w->is_abandoned = true;
}

static bool
must_stop(const struct worker *w)
{
	return stop_requested != 0 || w->is_abandoned;
}

static int
end_run(struct worker *w)
{
	target_fini(&w->target);
	w->progress.ended_at_s = clock_wall_s();
	w->progress.notes &= ~(unsigned)CLONE_NOTE_WAITS;
	w->progress.phase = CLONE_DONE;
	w->progress.problem = w->failure.problem;
	memcpy(w->progress.remote_text, w->failure.remote_text, sizeof(w->progress.remote_text));
	if (w->failure.problem != CLONE_PROBLEM_NONE) {
		w->progress.phase = CLONE_FAILED;
		log_warn(NULL, "clone failed",
			 log_cstr("problem", clone_problem_name(w->failure.problem)),
			 log_err(&w->failure.detail));
	} else if (w->report.form == REPORT_LINES &&
		   (w->progress.notes & CLONE_NOTE_UNREADABLE) == 0 &&
		   history_run_is_due(w->settings)) {
		w->progress.history.state = CLONE_HISTORY_COMING;
	}
	report_now(w);
	return w->failure.problem == CLONE_PROBLEM_NONE ? EXIT_DONE
							: EXIT_PROBLEM + (int)w->failure.problem;
}

static bool
on_git_progress(const struct clone_progress *p, void *arg)
{
	struct worker *w = arg;
	uint64_t now_ms = clock_monotonic_ms();
	bool is_new = p->phase != w->progress.phase ||
		      (w->progress.lfs.objects_total == 0 && p->lfs.objects_total > 0);

	if (must_stop(w) && p->phase == CLONE_CHECKOUT && !p->can_stop) {
		failure_set(&w->failure, CLONE_PROBLEM_INTERNAL, "stopped");
		_exit(end_run(w));
	}
	if (must_stop(w))
		return false;
	w->progress.phase = p->phase;
	w->progress.counters = p->counters;
	w->progress.lfs = p->lfs;
	w->progress.notes = p->notes;
	if (!is_new && now_ms - w->reported_at_ms < REPORT_EVERY_MS)
		return true;
	w->progress.rate.bytes_per_s = progress_meter_add(&w->meter, now_ms, p->counters.bytes);
	progress_estimate_left(&w->progress, &w->phase, now_ms);
	report_now(w);
	return !w->is_abandoned;
}

static bool
run_git(struct worker *w)
{
	const struct clone_settings *settings = w->settings;
	unsigned submodules_left = SUBMODULES_MAX;
	uint64_t files_left = settings->files_max;
	struct buf url;
	bool ok;

	buf_init(&url, URL_MAX_BYTES);
	ok = remote_url_append(settings, &url) && buf_add_byte(&url, '\0');
	if (!ok)
		failure_set(&w->failure, CLONE_PROBLEM_INTERNAL, "out of memory");
	if (ok) {
		const struct git_request request = {
			.url = url.data,
			.ref = settings->ref,
			.depth = settings->depth,
			.keeps_all_branches = settings->unshallow,
			.bytes_max = settings->bytes_max,
			.files_left = &files_left,
			.submodules = settings->submodules,
			.submodules_left = &submodules_left,
			.settings = settings,
			.gitlab_token = w->token,
			.token = remote_url_is_gitlab(settings) ? w->token : NULL,
			.helper = remote_url_is_gitlab(settings) ? settings->helper : NULL,
			.target_dir = w->target.tree,
			.cancel_fd = stop_fd,
			.on_progress = on_git_progress,
			.arg = w,
			.fetches_later = w->is_child && settings->depth > 0 && settings->unshallow,
			.leave_network = worker_sandbox_leave_network,
		};
		ok = git_clone_run(&request, &w->failure);
	}
	buf_fini(&url);
	return ok;
}

/* Waits and reports regularly, so that the parent does not detect a stall. False: stop
 * requested. */
static bool
wait_for_attempt(struct worker *w, uint64_t delay_ms)
{
	uint64_t end_ms = clock_monotonic_ms() + delay_ms;
	uint64_t step_ms = w->settings->stall_timeout_ms / 2;
	uint64_t now_ms;

	while (!must_stop(w) && (now_ms = clock_monotonic_ms()) < end_ms) {
		struct pollfd polled = {.fd = stop_fd, .events = POLLIN};
		uint64_t wait_ms = end_ms - now_ms;

		wait_ms = wait_ms < WAIT_REPORT_MS ? wait_ms : WAIT_REPORT_MS;
		(void)poll(&polled, 1, (int)(wait_ms < step_ms ? wait_ms : step_ms));
		report_now(w);
	}
	return !must_stop(w);
}

static bool
prepare_attempt(struct worker *w)
{
	struct clone_progress *p = &w->progress;
	uint64_t delay_ms;
	uint16_t random = 0;

	(void)!getrandom(&random, sizeof(random), GRND_NONBLOCK);
	delay_ms = failure_delay_ms(&w->failure, p->attempt + 1, random);
	log_warn(NULL, "clone failed, retrying",
		 log_cstr("problem", clone_problem_name(w->failure.problem)),
		 log_err(&w->failure.detail), log_ms("delay_ms", (int64_t)delay_ms));
	*p = (struct clone_progress){.phase = CLONE_CONNECTING,
				     .attempt = p->attempt + 1,
				     .percent = p->percent,
				     .started_at_s = p->started_at_s};
	w->meter = (struct progress_meter){.count = 0};
	report_now(w);
	if (!wait_for_attempt(w, delay_ms))
		return false;
	w->failure = (struct clone_failure){.problem = CLONE_PROBLEM_NONE};
	return target_clear(&w->target, &w->failure);
}

static bool
run_attempts(struct worker *w)
{
	while (!run_git(w)) {
		if (!w->failure.is_transient || must_stop(w) ||
		    w->progress.attempt >= w->settings->retries || !prepare_attempt(w))
			return false;
	}
	return true;
}

/* Whether CLONE_MARKER is set and exists as a regular file. */
static bool
has_marker(const struct clone_settings *settings)
{
	struct stat st;

	return settings->marker != NULL && lstat(settings->marker, &st) == 0 && S_ISREG(st.st_mode);
}

/* Creates CLONE_MARKER, a file whose presence means that the clone is complete, as in GitLab
 * workspaces. Never follows a link; logs a failure as a warning. */
static void
write_marker(const struct clone_settings *settings)
{
	struct err e = ERR_INIT;
	int fd;

	if (settings->marker == NULL || has_marker(settings))
		return;
	fd = open(settings->marker, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0666);
	if (fd < 0) {
		(void)err_set_errno(&e, errno, "CLONE_MARKER \"%s\"", settings->marker);
		log_warn(NULL, "could not write the clone marker", log_err(&e));
		return;
	}
	(void)fsync(fd);
	close(fd);
}

static void
judge_repository(struct worker *w)
{
	const char *dir = w->settings->dir;
	struct err reason = ERR_INIT;

	switch (existing_repository_check(w->settings, &reason)) {
	case EXISTING_SAME:
		w->progress.notes |= CLONE_NOTE_EXISTING;
		log_info(NULL, "repository exists already, not changed", log_cstr("dir", dir));
		write_marker(w->settings);
		return;
	case EXISTING_UNREADABLE:
		w->progress.notes |= CLONE_NOTE_EXISTING | CLONE_NOTE_UNREADABLE;
		log_warn(NULL, "existing repository cannot be opened, not changed",
			 log_cstr("dir", dir), log_err(&reason));
		return;
	case EXISTING_OTHER:
		failure_set(&w->failure, CLONE_PROBLEM_OTHER_REPOSITORY,
			    "%s is a clone of another repository: %s", dir, reason.text);
		return;
	}
}

/* From here on the process can change files only below the target's base and next to the marker. */
static void
confine(const struct worker *w)
{
	char *base = target_base(&w->target);
	char *marker = w->settings->marker == NULL ? NULL : strdup(w->settings->marker);

	if (w->settings->sandbox.landlock && base != NULL)
		worker_sandbox_keep(base, marker == NULL ? NULL : dirname(marker));
	free(base);
	free(marker);
}

static bool
on_history(void *arg)
{
	struct worker *w = arg;

	report_now(w);
	return !must_stop(w);
}

/* Only in a child: the parent already knows that the clone is done, and the IDE is open. */
static void
fetch_history(struct worker *w)
{
	const struct history_run run = {.settings = w->settings,
					.token = w->token,
					.cancel_fd = stop_fd,
					.progress = &w->progress,
					.on_change = on_history,
					.arg = w};

	if (w->progress.history.state == CLONE_HISTORY_COMING && !must_stop(w))
		history_run(&run);
}

static void
clone_into_target(struct worker *w)
{
	const struct clone_number *group = &w->settings->group;

	confine(w);
	if (group->is_set && !target_set_group(&w->target, group->value, &w->failure))
		return;
	if (run_attempts(w) && !must_stop(w))
		history_run_announce(w->settings, w->target.tree);
	if (w->failure.problem != CLONE_PROBLEM_NONE || must_stop(w))
		failure_set(&w->failure, CLONE_PROBLEM_INTERNAL, "stopped");
	else if ((!w->settings->umask.is_set ||
		  target_share(&w->target, w->settings->umask.value, &w->failure)) &&
		 target_commit(&w->target, &w->failure))
		write_marker(w->settings);
}

/* The sidecar starts before other init containers, which may correct the volume's permissions: a
 * target that is not writable is tried again for a minute. */
static bool
open_target(struct worker *w, enum target_kind *kind)
{
	uint64_t end_ms = clock_monotonic_ms() + TARGET_WAIT_MS;

	while (!target_init(&w->target, w->settings->dir, kind, &w->failure)) {
		if (!w->waits || w->failure.problem != CLONE_PROBLEM_PERMISSION ||
		    clock_monotonic_ms() >= end_ms)
			return false;
		if ((w->progress.notes & CLONE_NOTE_WAITS) == 0)
			log_warn(NULL, "clone: waiting for the target to become writable",
				 log_err(&w->failure.detail));
		w->progress.notes |= CLONE_NOTE_WAITS;
		target_fini(&w->target);
		if (!wait_for_attempt(w, TARGET_EVERY_MS))
			return false;
		w->failure = (struct clone_failure){.problem = CLONE_PROBLEM_NONE};
	}
	w->progress.notes &= ~(unsigned)CLONE_NOTE_WAITS;
	report_now(w);
	return true;
}

static int
run_clone(struct worker *w)
{
	enum target_kind kind;

	w->progress.phase = CLONE_CONNECTING;
	w->progress.started_at_s = clock_wall_s();
	report_now(w);
	if (has_marker(w->settings)) {
		w->progress.notes = CLONE_NOTE_MARKED;
		log_info(NULL, "clone marker exists, nothing to do",
			 log_cstr("marker", w->settings->marker));
		return end_run(w);
	}
	if (!remote_url_check(w->settings, &w->failure) || !open_target(w, &kind))
		return end_run(w);
	switch (kind) {
	case TARGET_REPOSITORY:
		judge_repository(w);
		break;
	case TARGET_OCCUPIED:
		failure_set(&w->failure, CLONE_PROBLEM_NOT_EMPTY, "%s is not empty",
			    w->settings->dir);
		break;
	case TARGET_ABSENT:
	case TARGET_EMPTY:
		clone_into_target(w);
		break;
	}
	return end_run(w);
}

static int
print_usage(FILE *out, int code)
{
	(void)fputs(
		"usage: workspace-proxy clone\n"
		"\n"
		"Clones WORKSPACE_PROXY_CLONE_URL into WORKSPACE_PROXY_CLONE_DIR, with\n"
		"WORKSPACE_PROXY_CLONE_REF and WORKSPACE_PROXY_CLONE_TOKEN where they are set.\n"
		"An existing repository is not changed.\n"
		"\n"
		"Exit codes: 0 done; 1 configuration; 2 command line; 11 credentials not\n"
		"accepted; 12 no access; 13 not found; 14 no such branch, tag or commit;\n"
		"15 unreachable; 16 TLS; 17 stalled; 18 disk full; 19 target not empty;\n"
		"20 target not writable; 21 refused; 22 internal; 23 target holds another\n"
		"repository.\n",
		out);
	return code;
}

int
clone_run(const struct clone_settings *settings, int argc, char **argv)
{
	struct worker w = {.settings = settings,
			   .target = {.lock_fd = -1},
			   .is_child = argc >= 2 && strcmp(argv[1], "--worker") == 0};
	static int progress_fd = CHILD_PROGRESS_FD;
	const struct rlimit no_core = {0, 0};
	struct secret *token = NULL;
	int code;

	if (argc == 2 && strcmp(argv[1], "--help") == 0)
		return print_usage(stdout, EXIT_DONE);
	w.waits = w.is_child && argc == 3 && strcmp(argv[2], "--wait") == 0;
	if (argc > (w.is_child ? 2 : 1) && !w.waits)
		return print_usage(stderr, EXIT_USAGE);
	(void)setrlimit(RLIMIT_CORE, &no_core);
	if (!set_signals())
		return EXIT_SETUP;
	if (settings->umask.is_set)
		(void)umask(settings->umask.value);
	if (w.is_child) {
		worker_process_setup();
		log_observe(worker_log_send, &progress_fd);
	}
	if (w.is_child && !worker_process_read_token(&token)) {
		log_error(NULL, "clone worker: cannot read the token");
		return EXIT_SETUP;
	}
	w.token = w.is_child ? token : settings->token;
	worker_sandbox_enter(settings);
	report_init(&w.report, w.is_child ? CHILD_PROGRESS_FD : -1);
	code = run_clone(&w);
	fetch_history(&w);
	secret_free(token);
	close(stop_fd);
	stop_fd = -1;
	return code;
}
