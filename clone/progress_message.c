/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a clone says to people: what happens, or what went wrong and what to do about it. Built from
 * our own settings only, never from what a server or the worker said.
 */
#include <stdio.h>

#include "clone/progress.h"
#include "clone/remote_url.h"

/* "group/project" from the address, without ".git" and GitLab's relative URL root. */
static struct str
repository_name(const struct clone_settings *settings)
{
	struct str name = settings->url.path;
	struct str root = settings->gitlab_url.path;

	if (str_starts_with(name, root) && name.len > root.len && name.data[root.len] == '/')
		name = str_skip(name, root.len);
	while (!str_is_empty(name) && name.data[0] == '/')
		name = str_skip(name, 1);
	while (!str_is_empty(name) && name.data[name.len - 1] == '/')
		name.len--;
	if (str_ends_with(name, STR(".git")))
		name.len -= 4;
	return str_take(name, 120);
}

struct message_parts {
	struct str repository;
	struct str host;
	struct str dir;
	struct str ref;
};

static void
describe_done(struct clone_progress *p, const struct message_parts *w)
{
	const char *more = "";

	if ((p->notes & CLONE_NOTE_CLOSED) != 0) {
		snprintf(p->message, sizeof(p->message),
			 "There is a repository in %.*s that does not open: it belongs to another "
			 "user, or its format is unknown here. It was left alone.",
			 STR_FMT(w->dir));
		return;
	}
	if ((p->notes & CLONE_NOTE_MARKED) != 0) {
		snprintf(p->message, sizeof(p->message),
			 "The repository was cloned before; %.*s was left alone.", STR_FMT(w->dir));
		return;
	}
	if ((p->notes & CLONE_NOTE_SUBMODULES) != 0)
		more = " Some submodules are missing: \"git submodule update --init\" gets them.";
	else if ((p->notes & CLONE_NOTE_LFS) != 0)
		more = " Large files are pointers still: \"git lfs pull\" gets them.";
	else if (p->history.state == CLONE_HISTORY_COMING)
		more = " Its history is still on the way.";
	else if (p->history.state == CLONE_HISTORY_MISSING)
		more = " Its history could not be had: \"git fetch --unshallow\" gets it, and the "
		       "next start tries again.";
	snprintf(p->message, sizeof(p->message), "The repository is ready in %.*s.%s",
		 STR_FMT(w->dir), more);
}

static void
describe_phase(struct clone_progress *p, const struct message_parts *w)
{
	char *out = p->message;
	size_t size = sizeof(p->message);

	switch (p->phase) {
	case CLONE_OFF:
		snprintf(out, size, "Nothing to clone.");
		break;
	case CLONE_WAITING:
		snprintf(out, size, "Waiting for someone to sign in.");
		break;
	case CLONE_CONNECTING:
		if (p->attempt == 0)
			snprintf(out, size, "Asking %.*s for %.*s.", STR_FMT(w->host),
				 STR_FMT(w->repository));
		else
			snprintf(out, size, "%.*s could not be reached or broke off. Attempt %u.",
				 STR_FMT(w->host), p->attempt + 1);
		break;
	case CLONE_RECEIVING:
		snprintf(out, size, "Receiving %.*s.", STR_FMT(w->repository));
		break;
	case CLONE_RESOLVING:
		snprintf(out, size, "Unpacking what was received.");
		break;
	case CLONE_CHECKOUT:
		snprintf(out, size, "Writing the files.");
		break;
	case CLONE_DONE:
		describe_done(p, w);
		break;
	case CLONE_FAILED:
		break;
	}
}

static void
describe_remote_problem(struct clone_progress *p, const struct message_parts *w)
{
	char *out = p->message;
	size_t size = sizeof(p->message);

	if (p->problem == CLONE_PROBLEM_TOKEN)
		snprintf(out, size,
			 "GitLab did not accept the credentials for %.*s. Sign out, sign in again "
			 "and retry; a token from the settings may have expired or lack the "
			 "read_repository scope.",
			 STR_FMT(w->repository));
	else if (p->problem == CLONE_PROBLEM_NO_ACCESS)
		snprintf(out, size,
			 "You may not download the code of %.*s. Ask an owner of the project for "
			 "access, then retry.",
			 STR_FMT(w->repository));
	else if (p->problem == CLONE_PROBLEM_NOT_FOUND)
		snprintf(out, size,
			 "There is no project %.*s on %.*s, or it is hidden from you. Check the "
			 "address and your access, then retry.",
			 STR_FMT(w->repository), STR_FMT(w->host));
	else if (p->problem == CLONE_PROBLEM_REF)
		snprintf(out, size,
			 "%.*s has no branch or tag named \"%.*s\". Create it or change the "
			 "workspace's settings, then retry.",
			 STR_FMT(w->repository), STR_FMT(w->ref));
	else if (p->problem == CLONE_PROBLEM_UNREACHABLE)
		snprintf(out, size,
			 "%.*s could not be reached, or broke off its answer. Retry in a moment; "
			 "if it stays so, ask whoever runs it.",
			 STR_FMT(w->host));
	else if (p->problem == CLONE_PROBLEM_TLS)
		snprintf(out, size,
			 "The secure connection to %.*s failed: its certificate could not be "
			 "verified. An administrator needs to check the certificate, and the CA "
			 "file that the workspace is given.",
			 STR_FMT(w->host));
	else
		snprintf(out, size,
			 "%.*s stopped sending, and the clone was given up. Retry in a moment.",
			 STR_FMT(w->host));
}

static void
describe_local_problem(struct clone_progress *p, const struct message_parts *w)
{
	char *out = p->message;
	size_t size = sizeof(p->message);

	if (p->problem == CLONE_PROBLEM_DISK_FULL)
		snprintf(out, size,
			 "The disk is full: %.*s needs more room than there is. Free some space or "
			 "enlarge the volume, then retry.",
			 STR_FMT(w->repository));
	else if (p->problem == CLONE_PROBLEM_NOT_EMPTY)
		snprintf(
			out, size,
			"%.*s holds files that belong to no repository. They were left alone; move "
			"them away, then retry.",
			STR_FMT(w->dir));
	else if (p->problem == CLONE_PROBLEM_OTHER_REPOSITORY)
		snprintf(out, size,
			 "%.*s holds a clone of another repository than %.*s. It was left alone: "
			 "open the IDE to work with it, or move it away and retry.",
			 STR_FMT(w->dir), STR_FMT(w->repository));
	else if (p->problem == CLONE_PROBLEM_PERMISSION)
		snprintf(out, size,
			 "%.*s can't be written by the user that clones. An administrator needs to "
			 "correct the volume's permissions.",
			 STR_FMT(w->dir));
	else if (p->problem == CLONE_PROBLEM_REFUSED)
		snprintf(out, size,
			 "%.*s on %.*s is not cloned: its address or its content is not accepted "
			 "here. An administrator finds the reason in the log.",
			 STR_FMT(w->repository), STR_FMT(w->host));
	else
		snprintf(out, size,
			 "The clone ended unexpectedly. Retry; if it happens again, an "
			 "administrator finds the reason in the log.");
}

static void
describe_problem(struct clone_progress *p, const struct message_parts *w)
{
	switch (p->problem) {
	case CLONE_PROBLEM_NONE:
		break;
	case CLONE_PROBLEM_TOKEN:
	case CLONE_PROBLEM_NO_ACCESS:
	case CLONE_PROBLEM_NOT_FOUND:
	case CLONE_PROBLEM_REF:
	case CLONE_PROBLEM_UNREACHABLE:
	case CLONE_PROBLEM_TLS:
	case CLONE_PROBLEM_STALLED:
		describe_remote_problem(p, w);
		break;
	case CLONE_PROBLEM_DISK_FULL:
	case CLONE_PROBLEM_NOT_EMPTY:
	case CLONE_PROBLEM_PERMISSION:
	case CLONE_PROBLEM_REFUSED:
	case CLONE_PROBLEM_INTERNAL:
	case CLONE_PROBLEM_OTHER_REPOSITORY:
		describe_local_problem(p, w);
		break;
	}
}

void
progress_describe(struct clone_progress *p, const struct clone_settings *settings)
{
	const struct message_parts w = {
		.repository = repository_name(settings),
		.host = str_take(settings->url.host, 100),
		.dir = str_take(str_from(settings->dir), 160),
		.ref = str_take(str_from(settings->ref), 120),
	};

	p->message[0] = '\0';
	if (p->phase == CLONE_FAILED)
		describe_problem(p, &w);
	else
		describe_phase(p, &w);
	/* What is refused once is refused again; everything else can be put right from outside. */
	p->can_retry = p->phase == CLONE_FAILED && p->problem != CLONE_PROBLEM_REFUSED;
}
