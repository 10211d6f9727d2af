/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Messages for users: the current step, or the error and its remedy. They contain only our own
 * settings and, quoted, the server's message about a refusal.
 */
#include <stdio.h>

#include "clone/progress.h"
#include "clone/remote_url.h"

/* Returns "group/project" from the URL, without ".git" and GitLab's relative URL root. */
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

static const char *const problems[] = {
	[CLONE_PROBLEM_NONE] = "",
	[CLONE_PROBLEM_TOKEN] = "GitLab did not accept the credentials for {repository}. Sign out, "
				"sign in again and retry; a token from the settings may have "
				"expired or lack the read_repository scope.",
	[CLONE_PROBLEM_NO_ACCESS] = "You do not have access to the code of {repository}. Ask an "
				    "owner of the project for access, then retry.",
	[CLONE_PROBLEM_NOT_FOUND] = "There is no project {repository} on {host}, or it is hidden "
				    "from you. Check the URL and your access, then retry.",
	[CLONE_PROBLEM_REF] = "{repository} has no branch, tag or commit named \"{ref}\". Create "
			      "it or change the workspace's settings, then retry.",
	[CLONE_PROBLEM_UNREACHABLE] =
		"{host} could not be reached or closed the connection. Retry in a moment; if the "
		"problem persists, contact its administrator.",
	[CLONE_PROBLEM_TLS] =
		"The secure connection to {host} failed: its certificate could not be verified. An "
		"administrator needs to check the certificate, and the CA file of the workspace.",
	[CLONE_PROBLEM_STALLED] =
		"{host} stopped sending data, and the clone was cancelled. Retry in a moment.",
	[CLONE_PROBLEM_DISK_FULL] = "The disk is full: {repository} needs more space than is free. "
				    "Free some space or enlarge the volume, then retry.",
	[CLONE_PROBLEM_NOT_EMPTY] = "{dir} contains files but no repository. They were not "
				    "changed; move them away, then retry.",
	[CLONE_PROBLEM_PERMISSION] = "{dir} is not writable for the user that runs the clone. An "
				     "administrator needs to correct the volume's permissions.",
	[CLONE_PROBLEM_REFUSED] =
		"{repository} on {host} was not cloned: its URL or its content is not accepted. An "
		"administrator can find the reason in the log.",
	[CLONE_PROBLEM_INTERNAL] = "The clone failed unexpectedly. Retry; if it happens again, an "
				   "administrator can find the reason in the log.",
	[CLONE_PROBLEM_OTHER_REPOSITORY] =
		"{dir} is a clone of a repository other than {repository}. It was not changed: "
		"open the IDE to work with it, or move it away and retry.",
};

static const char *
describe_problem(const struct clone_progress *p)
{
	/* The server's explanation says more than our own text. */
	if (p->remote_text[0] != '\0' && p->problem == CLONE_PROBLEM_NO_ACCESS)
		return "{host} refused to let {repository} be cloned: \"{answer}\" Follow this "
		       "message, or ask an owner of the project, then retry.";
	if (p->remote_text[0] != '\0' && p->problem == CLONE_PROBLEM_UNREACHABLE)
		return "{host} could not serve {repository}: \"{answer}\" Retry in a moment.";
	return problems[p->problem];
}

static const char *
describe_done(const struct clone_progress *p)
{
	if ((p->notes & CLONE_NOTE_UNREADABLE) != 0)
		return "{dir} contains a repository that cannot be opened: it belongs to another "
		       "user or has an unknown format. It was not changed.";
	if ((p->notes & CLONE_NOTE_MARKED) != 0)
		return "The repository was cloned before; {dir} was not changed.";
	if ((p->notes & CLONE_NOTE_SUBMODULES) != 0)
		return "The repository is ready in {dir}. Some submodules are missing: \"git "
		       "submodule update --init\" fetches them.";
	if ((p->notes & CLONE_NOTE_LFS) != 0)
		return "The repository is ready in {dir}. Some LFS files are missing: \"git lfs "
		       "pull\" fetches them.";
	if ((p->notes & CLONE_NOTE_NO_HEAD) != 0)
		return "The repository is ready in {dir}. Nothing is checked out: the repository's "
		       "HEAD names a branch that does not exist. \"git switch\" checks a branch "
		       "out.";
	if (p->history.state == CLONE_HISTORY_COMING)
		return "The repository is ready in {dir}. Its history is still being fetched.";
	if (p->history.state == CLONE_HISTORY_MISSING)
		return "The repository is ready in {dir}. Its history could not be fetched: run "
		       "\"git fetch --unshallow\", or restart the workspace.";
	return "The repository is ready in {dir}.";
}

static const char *
describe_phase(const struct clone_progress *p)
{
	switch (p->phase) {
	case CLONE_OFF:
		return "Nothing to clone.";
	case CLONE_WAITING:
		return "Waiting for someone to sign in.";
	case CLONE_CONNECTING:
		if ((p->notes & CLONE_NOTE_WAITS) != 0)
			return "Waiting until {dir} is writable.";
		return p->attempt == 0 ? "Connecting to {host} for {repository}."
				       : "{host} could not be reached or closed the connection. "
					 "Attempt {attempt}.";
	case CLONE_RECEIVING:
		return "Receiving {repository}.";
	case CLONE_RESOLVING:
		return "Unpacking the received data.";
	case CLONE_LFS:
		return p->lfs.objects_total == 0 ? "Looking for LFS files."
						 : "Fetching {files} LFS files.";
	case CLONE_CHECKOUT:
		return "Writing the files.";
	case CLONE_DONE:
		return describe_done(p);
	case CLONE_FAILED:
		return describe_problem(p);
	}
	return "";
}

#define COUNT_TEXT_BYTES 24u

static struct str
format_count(uint64_t count, char text[COUNT_TEXT_BYTES])
{
	snprintf(text, COUNT_TEXT_BYTES, "%llu", (unsigned long long)count);
	return str_from(text);
}

struct part {
	const char *name;
	struct str value;
};

static struct str
part_value(const struct part *parts, struct str name)
{
	while (!str_equal(name, str_from(parts->name)))
		parts++;
	return parts->value;
}

/* Copies the text and replaces its {parts}. */
static void
fill(struct str text, const struct part *parts, char *out, size_t size)
{
	size_t len = 0;

	out[0] = '\0';
	while (!str_is_empty(text) && len < size) {
		bool is_part = text.data[0] == '{';
		size_t end = str_find_byte(text, is_part ? '}' : '{');
		struct str piece = str_take(text, end);

		if (is_part)
			piece = part_value(parts, str_skip(piece, 1));
		len += (size_t)snprintf(out + len, size - len, "%.*s", STR_FMT(piece));
		text = str_skip(text, is_part ? end + 1 : end);
	}
}

void
progress_describe(struct clone_progress *p, const struct clone_settings *settings)
{
	char attempt[COUNT_TEXT_BYTES];
	char files[COUNT_TEXT_BYTES];
	const struct part parts[] = {
		{"repository", repository_name(settings)},
		{"host", str_take(settings->url.host, 100)},
		{"dir", str_take(str_from(settings->dir), 160)},
		{"ref", str_take(str_from(settings->ref), 120)},
		{"answer", str_from(p->remote_text)},
		{"attempt", format_count(p->attempt + 1, attempt)},
		{"files", format_count(p->lfs.objects_total, files)},
	};

	fill(str_from(describe_phase(p)), parts, p->message, sizeof(p->message));
	/* A refusal is permanent; all other problems can be fixed without a restart. */
	p->can_retry = p->phase == CLONE_FAILED && p->problem != CLONE_PROBLEM_REFUSED;
}
