/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reporting failures and progress of a step, what the file system can do, and the global options
 * of libgit2.
 */
#include "clone/git/git_steps.h"

/* Packs that declare more objects are rejected before memory is allocated. */
#define OBJECTS_MAX (32u * 1024u * 1024u)
/* Size of pack windows: bounds resident memory at no measurable cost. */
#define WINDOW_BYTES (8u * 1024u * 1024u)

#define REMOTE_ERROR "remote error: "

#ifdef SANITIZED
/* libgit2 1.5 leaks the match data of regular expressions that do not match. */
const char *__lsan_default_suppressions(void);

__attribute__((visibility("default"))) const char *
__lsan_default_suppressions(void)
{
	return "leak:libpcre2\n";
}
#endif

int
mbedtls_x509_crt_parse_file(void *chain, const char *path)
{
	(void)chain;
	(void)path;
	return 0;
}

enum clone_problem
git_steps_problem(int class, const char *message)
{
	/* libgit2 reports system errors only as text. */
	enum clone_problem problem = failure_problem_of_text(message);

	/* The transport recorded no reason: a truncated or invalid response. */
	if (class == GIT_ERROR_HTTP || class == GIT_ERROR_NET)
		return CLONE_PROBLEM_UNREACHABLE;
	if (problem != CLONE_PROBLEM_NONE)
		return problem;
	/* A pack, object or path that libgit2 rejects. */
	if (class == GIT_ERROR_INDEXER || class == GIT_ERROR_ZLIB || class == GIT_ERROR_ODB ||
	    class == GIT_ERROR_OBJECT || class == GIT_ERROR_TREE || class == GIT_ERROR_INDEX ||
	    class == GIT_ERROR_CHECKOUT || class == GIT_ERROR_SHA || class == GIT_ERROR_SUBMODULE)
		return CLONE_PROBLEM_REFUSED;
	return CLONE_PROBLEM_INTERNAL;
}

bool
git_steps_fail(struct transfer *t, int code, const char *step)
{
	const git_error *last = git_error_last();
	const char *message = last == NULL ? "no message" : last->message;
	int class = last == NULL ? GIT_ERROR_NONE : last->klass;
	struct str rest = str_from(message);

	/* libgit2 reports an "ERR" packet instead of refs in this form. */
	if (t->failure->problem == CLONE_PROBLEM_NONE && class == GIT_ERROR_NET &&
	    str_starts_with(rest, STR(REMOTE_ERROR))) {
		failure_set(t->failure, CLONE_PROBLEM_NO_ACCESS,
			    "%s: the server answered with an error", step);
		failure_set_remote_text(t->failure, str_skip(rest, sizeof(REMOTE_ERROR) - 1));
		return false;
	}

	return failure_set(t->failure, git_steps_problem(class, message),
			   "%s: %s (libgit2 %d, class %d)", step, message, code, class);
}

bool
git_steps_fail_err(struct transfer *t, const struct err *e)
{
	enum clone_problem problem = failure_problem_of_text(e->text);

	return failure_set(t->failure,
			   problem == CLONE_PROBLEM_NONE ? CLONE_PROBLEM_INTERNAL : problem, "%s",
			   e->text);
}

bool
git_steps_report(struct transfer *t, enum clone_phase phase)
{
	if (phase > t->progress.phase)
		t->progress.phase = phase;
	return t->request->on_progress(&t->progress, t->request->arg);
}

void
git_steps_leave_network(const struct transfer *t)
{
	if (t->request->leave_network != NULL)
		t->request->leave_network();
}

static bool
is_set(const git_config *config, const char *name, bool otherwise)
{
	int value = otherwise;

	(void)git_config_get_bool(&value, config, name);
	return value != 0;
}

bool
git_steps_can_write_files(const struct transfer *t)
{
	git_config *config = NULL;
	bool ok;

	if (!t->is_sorted || git_repository_config_snapshot(&config, t->repository) < 0)
		return false;
	/* Properties of the file system as probed by libgit2. */
	ok = is_set(config, "core.filemode", false) && is_set(config, "core.symlinks", true) &&
	     !is_set(config, "core.ignorecase", false) &&
	     !is_set(config, "core.precomposeunicode", false);
	git_config_free(config);
	return ok;
}

int
git_steps_read_no_configuration(void)
{
	static const git_config_level_t levels[] = {
		GIT_CONFIG_LEVEL_PROGRAMDATA,
		GIT_CONFIG_LEVEL_SYSTEM,
		GIT_CONFIG_LEVEL_XDG,
		GIT_CONFIG_LEVEL_GLOBAL,
	};
	int code = 0;

	for (size_t i = 0; code == 0 && i < sizeof(levels) / sizeof(levels[0]); i++)
		code = git_libgit2_opts(GIT_OPT_SET_SEARCH_PATH, (int)levels[i], "");
	return code;
}

bool
git_steps_set_options(struct transfer *t)
{
	int code = git_steps_read_no_configuration();

	if (code == 0)
		code = git_libgit2_opts(GIT_OPT_SET_PACK_MAX_OBJECTS, (size_t)OBJECTS_MAX);
	if (code == 0)
		code = git_libgit2_opts(GIT_OPT_SET_MWINDOW_SIZE, (size_t)WINDOW_BYTES);
	if (code == 0)
		code = git_libgit2_opts(GIT_OPT_SET_MWINDOW_MAPPED_LIMIT,
					(size_t)t->request->settings->memory_bytes);
	/* Objects were hashed when received; verifying again on read is not needed. */
	if (code == 0)
		code = git_libgit2_opts(GIT_OPT_ENABLE_STRICT_HASH_VERIFICATION, 0);
	/* The ownership check is for repositories of other users; those opened here are our own
	 * clones, on volumes that may map owners. */
	if (code == 0)
		code = git_libgit2_opts(GIT_OPT_SET_OWNER_VALIDATION, 0);
	return code == 0 || git_steps_fail(t, code, "set up libgit2");
}
