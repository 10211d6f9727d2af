/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fetches the history with retries and reports its progress.
 */
#include "clone/history/history_run.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>

#include "base/clock.h"
#include "base/log/log.h"
#include "clone/git/existing_repository.h"
#include "clone/history/git_history.h"
#include "clone/history/history.h"
#include "clone/remote_url.h"
#include "clone/worker/worker_sandbox.h"

#define REPORT_EVERY_MS 100u
#define WAIT_REPORT_MS	1000u

struct history_attempt {
	const struct history_run *how;
	struct clone_failure failure;
	uint64_t reported_at_ms;
};

/* Without the mark it remains a shallow clone. */
void
history_run_announce(const struct clone_settings *settings, const char *tree)
{
	struct clone_failure f = {.problem = CLONE_PROBLEM_NONE};

	if (settings->depth > 0 && settings->unshallow && !history_mark(tree, &f))
		log_warn(NULL, "history: could not mark the clone; it remains shallow",
			 log_err(&f.detail));
}

bool
history_run_is_due(const struct clone_settings *settings)
{
	return settings->unshallow && history_is_due(settings->dir);
}

static bool
tell(struct history_attempt *r)
{
	r->reported_at_ms = clock_monotonic_ms();
	return r->how->on_change(r->how->arg);
}

static bool
is_cancelled(const struct history_attempt *r)
{
	struct pollfd polled = {.fd = r->how->cancel_fd, .events = POLLIN};

	return poll(&polled, 1, 0) > 0;
}

static bool
on_progress(const struct clone_progress *p, void *arg)
{
	struct history_attempt *r = arg;
	struct clone_history *h = &r->how->progress->history;
	bool is_first = h->bytes == 0 && p->counters.bytes > 0;

	h->objects_done = p->counters.objects_done;
	h->objects_total = p->counters.objects_total;
	h->bytes = p->counters.bytes;
	if (is_cancelled(r))
		return false;
	return (!is_first && clock_monotonic_ms() - r->reported_at_ms < REPORT_EVERY_MS) || tell(r);
}

/* CLONE_URL may have changed since the clone. */
static bool
check_repository(struct history_attempt *r)
{
	struct err reason = ERR_INIT;

	return existing_repository_check(r->how->settings, &reason) == EXISTING_SAME ||
	       failure_set(&r->failure, CLONE_PROBLEM_OTHER_REPOSITORY, "%s", reason.text);
}

static bool
run_once(struct history_attempt *r)
{
	const struct clone_settings *settings = r->how->settings;
	struct buf url;
	bool ok;

	if (!check_repository(r))
		return false;
	buf_init(&url, URL_MAX_BYTES);
	ok = remote_url_append(settings, &url) && buf_add_byte(&url, '\0');
	if (!ok)
		failure_set(&r->failure, CLONE_PROBLEM_INTERNAL, "out of memory");
	if (ok) {
		const struct git_request request = {
			.url = url.data,
			.ref = settings->ref,
			.bytes_max = settings->bytes_max,
			.settings = settings,
			.token = remote_url_is_gitlab(settings) ? r->how->token : NULL,
			.target_dir = settings->dir,
			.cancel_fd = r->how->cancel_fd,
			.on_progress = on_progress,
			.arg = r,
			.leave_network = worker_sandbox_leave_network,
		};
		ok = git_history_run(&request, &r->failure);
	}
	buf_fini(&url);
	return ok;
}

/* False: stop requested. */
static bool
wait_before(struct history_attempt *r, unsigned attempt)
{
	uint64_t step_ms = r->how->settings->stall_timeout_ms / 2;
	uint16_t random = 0;
	uint64_t end_ms;
	uint64_t now_ms;

	(void)!getrandom(&random, sizeof(random), GRND_NONBLOCK);
	end_ms = clock_monotonic_ms() + failure_delay_ms(&r->failure, attempt, random);
	if (step_ms > WAIT_REPORT_MS)
		step_ms = WAIT_REPORT_MS;
	while ((now_ms = clock_monotonic_ms()) < end_ms) {
		struct pollfd polled = {.fd = r->how->cancel_fd, .events = POLLIN};
		uint64_t wait_ms = end_ms - now_ms;

		if (poll(&polled, 1, (int)(wait_ms < step_ms ? wait_ms : step_ms)) > 0 || !tell(r))
			return false;
	}
	return true;
}

static void
warn(const struct history_attempt *r, const char *what)
{
	log_warn(NULL, what, log_cstr("problem", clone_problem_name(r->failure.problem)),
		 log_err(&r->failure.detail));
}

/* Links that a user creates meanwhile cannot redirect our writes. */
static void
confine(const struct clone_settings *settings)
{
	char *git = NULL;

	if (!settings->sandbox.landlock || asprintf(&git, "%s/.git", settings->dir) < 0)
		return;
	worker_sandbox_keep(git, NULL);
	free(git);
}

void
history_run(const struct history_run *how)
{
	struct history_attempt r = {.how = how, .failure = {.problem = CLONE_PROBLEM_NONE}};
	struct clone_history *h = &how->progress->history;
	unsigned attempt = 0;
	bool ok;

	confine(how->settings);
	while (!(ok = run_once(&r)) && r.failure.is_transient && !is_cancelled(&r) &&
	       attempt < how->settings->retries) {
		warn(&r, "history: fetch failed, retrying");
		*h = (struct clone_history){.state = CLONE_HISTORY_COMING};
		if (!wait_before(&r, ++attempt))
			break;
		r.failure = (struct clone_failure){.problem = CLONE_PROBLEM_NONE};
	}
	if (!ok)
		warn(&r,
		     "history: not fetched; the next start or git fetch --unshallow will fetch it");
	h->state = ok ? CLONE_HISTORY_COMPLETE : CLONE_HISTORY_MISSING;
	(void)tell(&r);
}
