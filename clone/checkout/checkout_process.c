/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The child reports over a pipe. It has parsed untrusted data, so the parent accepts only numbers
 * and one text from a report. It ends when its parent has ended or no longer reads.
 */
#include "clone/checkout/checkout_process.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/process/fd.h"

#define REPORT_EVERY_MS 50u

enum checkout_state { CHECKOUT_RUNNING, CHECKOUT_DONE, CHECKOUT_FAILED };

struct checkout_report {
	enum checkout_state state;
	enum clone_problem problem;
	unsigned notes;
	struct clone_counters counters;
	char detail[ERR_TEXT_MAX];
};

struct sender {
	int fd;
	uint64_t sent_at_ms;
};

static void
send_report(int fd, enum checkout_state state, const struct clone_progress *p,
	    const struct clone_failure *f)
{
	struct checkout_report r;

	memset(&r, 0, sizeof(r));
	r.state = state;
	r.problem = f->problem;
	r.notes = p->notes;
	r.counters = p->counters;
	memcpy(r.detail, f->detail.text, sizeof(r.detail));
	if (!fd_write_all(fd, (struct str){(const char *)&r, sizeof(r)}))
		_exit(EXIT_FAILURE);
}

static bool
on_progress(const struct clone_progress *p, void *arg)
{
	static const struct clone_failure none = {.problem = CLONE_PROBLEM_NONE};
	struct sender *s = arg;
	uint64_t now_ms = clock_monotonic_ms();

	if (now_ms - s->sent_at_ms >= REPORT_EVERY_MS) {
		s->sent_at_ms = now_ms;
		send_report(s->fd, CHECKOUT_RUNNING, p, &none);
	}
	return true;
}

static _Noreturn void
run_child(struct transfer *t, pid_t parent, int fd, bool (*check_out)(struct transfer *t))
{
	/* Static, because t points to it until this process exits. */
	static struct git_request request;
	struct sender sender = {.fd = fd};
	bool ok;

	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(EXIT_FAILURE);
	request = *t->request;
	request.on_progress = on_progress;
	request.arg = &sender;
	t->request = &request;
	git_steps_leave_network(t);
	ok = check_out(t);
	send_report(fd, ok ? CHECKOUT_DONE : CHECKOUT_FAILED, &t->progress, t->failure);
	_exit(EXIT_SUCCESS);
}

/* False: the child has ended. */
static bool
receive_report(int fd, struct checkout_report *r)
{
	size_t len = 0;

	while (len < sizeof(*r)) {
		ssize_t n = read(fd, (char *)r + len, sizeof(*r) - len);

		if (n == 0 || (n < 0 && errno != EINTR))
			return false;
		len += n > 0 ? (size_t)n : 0;
	}
	r->detail[sizeof(r->detail) - 1] = '\0';
	return true;
}

static bool
fail(struct transfer *t, const struct checkout_report *r)
{
	bool is_known =
		r->problem > CLONE_PROBLEM_NONE && r->problem <= CLONE_PROBLEM_OTHER_REPOSITORY;

	return failure_set(t->failure, is_known ? r->problem : CLONE_PROBLEM_INTERNAL, "%s",
			   r->detail);
}

/* Follows the reports until the last one. The parent's own request to stop is noticed between
 * reports too. */
static bool
follow(struct transfer *t, int fd)
{
	struct pollfd polled[] = {{.fd = fd, .events = POLLIN},
				  {.fd = t->request->cancel_fd, .events = POLLIN}};
	struct checkout_report r = {.state = CHECKOUT_RUNNING};

	while (r.state == CHECKOUT_RUNNING) {
		if (!git_steps_report(t, CLONE_CHECKOUT))
			return false;
		if (poll(polled, 2, -1) < 0 || polled[0].revents == 0)
			continue;
		if (!receive_report(fd, &r))
			return failure_set(t->failure, CLONE_PROBLEM_INTERNAL,
					   "checkout: its process ended early");
		t->progress.counters = r.counters;
		t->progress.notes |= r.notes;
	}
	return r.state == CHECKOUT_DONE || fail(t, &r);
}

bool
checkout_process_run(struct transfer *t, bool (*check_out)(struct transfer *t))
{
	pid_t parent = getpid();
	pid_t child;
	int ends[2];
	bool ok;

	if (!fd_pipe(ends))
		return failure_set_errno(t->failure, errno, "checkout: pipe");
	child = fork();
	if (child == 0)
		run_child(t, parent, ends[1], check_out);
	ok = child > 0 || failure_set_errno(t->failure, errno, "checkout: fork");
	close(ends[1]);
	t->progress.can_stop = true;
	ok = ok && follow(t, ends[0]);
	t->progress.can_stop = false;
	close(ends[0]);
	while (child > 0 && waitpid(child, NULL, 0) < 0 && errno == EINTR)
		;
	return ok;
}
