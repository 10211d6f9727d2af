/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Messages for users: the current step, or the error and its remedy. They contain only our own
 * settings and, quoted, the server's message about a refusal.
 */
#include <stdio.h>

#include "clone/progress.h"
#include "clone/remote_url.h"

/* "group/project" from the URL, without ".git" and GitLab's relative URL root. */
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
describe_done(struct clone_progress *p, const struct message_parts *m)
{
	const char *more = "";

	if ((p->notes & CLONE_NOTE_CLOSED) != 0) {
		snprintf(p->message, sizeof(p->message),
			 "%.*s contains a repository that cannot be opened: it belongs to another "
			 "user or has an unknown format. It was not changed.",
			 STR_FMT(m->dir));
		return;
	}
	if ((p->notes & CLONE_NOTE_MARKED) != 0) {
		snprintf(p->message, sizeof(p->message),
			 "The repository was cloned before; %.*s was not changed.",
			 STR_FMT(m->dir));
		return;
	}
	if ((p->notes & CLONE_NOTE_SUBMODULES) != 0)
		more = " Some submodules are missing: \"git submodule update --init\" fetches "
		       "them.";
	else if ((p->notes & CLONE_NOTE_LFS) != 0)
		more = " Some LFS files are missing: \"git lfs pull\" fetches them.";
	else if ((p->notes & CLONE_NOTE_NO_HEAD) != 0)
		more = " Nothing is checked out: the repository's HEAD names a branch that does "
		       "not exist. \"git switch\" checks a branch out.";
	else if (p->history.state == CLONE_HISTORY_COMING)
		more = " Its history is still being fetched.";
	else if (p->history.state == CLONE_HISTORY_MISSING)
		more = " Its history could not be fetched: run \"git fetch --unshallow\", or "
		       "restart the workspace.";
	snprintf(p->message, sizeof(p->message), "The repository is ready in %.*s.%s",
		 STR_FMT(m->dir), more);
}

static void
describe_phase(struct clone_progress *p, const struct message_parts *m)
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
		if ((p->notes & CLONE_NOTE_WAITS) != 0)
			snprintf(out, size, "Waiting until %.*s is writable.", STR_FMT(m->dir));
		else if (p->attempt == 0)
			snprintf(out, size, "Connecting to %.*s for %.*s.", STR_FMT(m->host),
				 STR_FMT(m->repository));
		else
			snprintf(out, size,
				 "%.*s could not be reached or closed the connection. Attempt %u.",
				 STR_FMT(m->host), p->attempt + 1);
		break;
	case CLONE_RECEIVING:
		snprintf(out, size, "Receiving %.*s.", STR_FMT(m->repository));
		break;
	case CLONE_RESOLVING:
		snprintf(out, size, "Unpacking the received data.");
		break;
	case CLONE_LFS:
		if (p->lfs.objects_total == 0)
			snprintf(out, size, "Looking for LFS files.");
		else
			snprintf(out, size, "Fetching %llu LFS files.",
				 (unsigned long long)p->lfs.objects_total);
		break;
	case CLONE_CHECKOUT:
		snprintf(out, size, "Writing the files.");
		break;
	case CLONE_DONE:
		describe_done(p, m);
		break;
	case CLONE_FAILED:
		break;
	}
}

/* The server's own words say more than ours. */
static void
describe_answer(struct clone_progress *p, const struct message_parts *m)
{
	if (p->problem == CLONE_PROBLEM_NO_ACCESS)
		snprintf(p->message, sizeof(p->message),
			 "%.*s refused to let %.*s be cloned: \"%s\" Follow this message, or ask "
			 "an owner of the project, then retry.",
			 STR_FMT(m->host), STR_FMT(m->repository), p->remote_text);
	else
		snprintf(p->message, sizeof(p->message),
			 "%.*s could not serve %.*s: \"%s\" Retry in a moment.", STR_FMT(m->host),
			 STR_FMT(m->repository), p->remote_text);
}

static void
describe_remote_problem(struct clone_progress *p, const struct message_parts *m)
{
	char *out = p->message;
	size_t size = sizeof(p->message);

	if (p->problem == CLONE_PROBLEM_TOKEN)
		snprintf(out, size,
			 "GitLab did not accept the credentials for %.*s. Sign out, sign in again "
			 "and retry; a token from the settings may have expired or lack the "
			 "read_repository scope.",
			 STR_FMT(m->repository));
	else if (p->problem == CLONE_PROBLEM_NO_ACCESS)
		snprintf(out, size,
			 "You do not have access to the code of %.*s. Ask an owner of the project "
			 "for access, then retry.",
			 STR_FMT(m->repository));
	else if (p->problem == CLONE_PROBLEM_NOT_FOUND)
		snprintf(out, size,
			 "There is no project %.*s on %.*s, or it is hidden from you. Check the "
			 "URL and your access, then retry.",
			 STR_FMT(m->repository), STR_FMT(m->host));
	else if (p->problem == CLONE_PROBLEM_REF)
		snprintf(
			out, size,
			"%.*s has no branch, tag or commit named \"%.*s\". Create it or change the "
			"workspace's settings, then retry.",
			STR_FMT(m->repository), STR_FMT(m->ref));
	else if (p->problem == CLONE_PROBLEM_UNREACHABLE)
		snprintf(out, size,
			 "%.*s could not be reached or closed the connection. Retry in a moment; "
			 "if the problem persists, contact its administrator.",
			 STR_FMT(m->host));
	else if (p->problem == CLONE_PROBLEM_TLS)
		snprintf(out, size,
			 "The secure connection to %.*s failed: its certificate could not be "
			 "verified. An administrator needs to check the certificate, and the CA "
			 "file of the workspace.",
			 STR_FMT(m->host));
	else
		snprintf(out, size,
			 "%.*s stopped sending data, and the clone was cancelled. Retry in a "
			 "moment.",
			 STR_FMT(m->host));
}

static void
describe_local_problem(struct clone_progress *p, const struct message_parts *m)
{
	char *out = p->message;
	size_t size = sizeof(p->message);

	if (p->problem == CLONE_PROBLEM_DISK_FULL)
		snprintf(out, size,
			 "The disk is full: %.*s needs more space than is free. Free some space or "
			 "enlarge the volume, then retry.",
			 STR_FMT(m->repository));
	else if (p->problem == CLONE_PROBLEM_NOT_EMPTY)
		snprintf(out, size,
			 "%.*s contains files but no repository. They were not changed; move them "
			 "away, then retry.",
			 STR_FMT(m->dir));
	else if (p->problem == CLONE_PROBLEM_OTHER_REPOSITORY)
		snprintf(out, size,
			 "%.*s is a clone of another repository than %.*s. It was not changed: "
			 "open the IDE to work with it, or move it away and retry.",
			 STR_FMT(m->dir), STR_FMT(m->repository));
	else if (p->problem == CLONE_PROBLEM_PERMISSION)
		snprintf(out, size,
			 "%.*s is not writable for the user that runs the clone. An administrator "
			 "needs to "
			 "correct the volume's permissions.",
			 STR_FMT(m->dir));
	else if (p->problem == CLONE_PROBLEM_REFUSED)
		snprintf(out, size,
			 "%.*s on %.*s was not cloned: its URL or its content is not accepted. An "
			 "administrator can find the reason in the log.",
			 STR_FMT(m->repository), STR_FMT(m->host));
	else
		snprintf(out, size,
			 "The clone failed unexpectedly. Retry; if it happens again, an "
			 "administrator can find the reason in the log.");
}

static void
describe_problem(struct clone_progress *p, const struct message_parts *m)
{
	switch (p->problem) {
	case CLONE_PROBLEM_NONE:
		break;
	case CLONE_PROBLEM_NO_ACCESS:
	case CLONE_PROBLEM_UNREACHABLE:
		if (p->remote_text[0] != '\0')
			describe_answer(p, m);
		else
			describe_remote_problem(p, m);
		break;
	case CLONE_PROBLEM_TOKEN:
	case CLONE_PROBLEM_NOT_FOUND:
	case CLONE_PROBLEM_REF:
	case CLONE_PROBLEM_TLS:
	case CLONE_PROBLEM_STALLED:
		describe_remote_problem(p, m);
		break;
	case CLONE_PROBLEM_DISK_FULL:
	case CLONE_PROBLEM_NOT_EMPTY:
	case CLONE_PROBLEM_PERMISSION:
	case CLONE_PROBLEM_REFUSED:
	case CLONE_PROBLEM_INTERNAL:
	case CLONE_PROBLEM_OTHER_REPOSITORY:
		describe_local_problem(p, m);
		break;
	}
}

void
progress_describe(struct clone_progress *p, const struct clone_settings *settings)
{
	const struct message_parts m = {
		.repository = repository_name(settings),
		.host = str_take(settings->url.host, 100),
		.dir = str_take(str_from(settings->dir), 160),
		.ref = str_take(str_from(settings->ref), 120),
	};

	p->message[0] = '\0';
	if (p->phase == CLONE_FAILED)
		describe_problem(p, &m);
	else
		describe_phase(p, &m);
	/* A refusal is permanent; all other problems can be fixed from outside. */
	p->can_retry = p->phase == CLONE_FAILED && p->problem != CLONE_PROBLEM_REFUSED;
}
