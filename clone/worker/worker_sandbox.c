/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The restrictions of the worker, and the paths that the sidecar's own restrictions must allow for
 * it.
 */
#include "clone/worker/worker_sandbox.h"

#include <libgen.h>

#include "base/arena.h"
#include "base/log/log.h"
#include "base/process/sandbox.h"
#include "clone/clone.h"

#define PATHS_MAX_BYTES 32768u

static bool filters_calls;

void
clone_permit(const struct clone_settings *settings, struct confine_rules *rules, struct arena *a)
{
	char *marker = settings->marker == NULL ? NULL : arena_dup(a, str_from(settings->marker));

	if (settings->dir == NULL)
		return;
	confine_add(rules, sandbox_surroundings(settings->dir, a), CONFINE_READ | CONFINE_WRITE);
	if (marker != NULL)
		confine_add(rules, dirname(marker), CONFINE_READ | CONFINE_WRITE);
}

/* Whether the worker forks: while something is still to be fetched, files are written in processes
 * without network. */
static bool
forks(const struct clone_settings *settings)
{
	return settings->submodules > 0 || (settings->depth > 0 && settings->unshallow);
}

void
worker_sandbox_enter(const struct clone_settings *settings)
{
	struct confine_rules rules = {.count = 0};
	struct arena a;

	filters_calls = settings->sandbox.seccomp;
	arena_init(&a, PATHS_MAX_BYTES);
	sandbox_add_system(&rules, SANDBOX_NO_SECRETS);
	confine_add(&rules, settings->ca_file, CONFINE_READ);
	clone_permit(settings, &rules, &a);
	sandbox_enter(&settings->sandbox, &rules,
		      CONFINE_READ | CONFINE_WRITE | CONFINE_RUN | CONFINE_LISTEN | CONFINE_SIGNAL |
			      CONFINE_ABSTRACT,
		      SYSCALL_CONNECT | SYSCALL_WRITE | SYSCALL_RESTRICT |
			      (forks(settings) ? SYSCALL_FORK : 0));
	arena_fini(&a);
}

void
worker_sandbox_leave_network(void)
{
	struct err e = ERR_INIT;

	if (filters_calls && !syscall_filter_apply(SYSCALL_WRITE | SYSCALL_RESTRICT, &e))
		log_warn(NULL, "clone: network access can't be dropped", log_err(&e));
	filters_calls = false;
}

void
worker_sandbox_keep(const char *directory, const char *other)
{
	struct confine_rules rules = {.count = 0};
	struct err e = ERR_INIT;

	confine_add(&rules, directory, CONFINE_WRITE);
	confine_add(&rules, other, CONFINE_WRITE);
	confine_add(&rules, "/dev/null", CONFINE_WRITE);
	if (!confine_process(&rules, CONFINE_WRITE, &e))
		log_info(NULL, "clone: Landlock confinement is not available", log_err(&e));
}
