/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs code under the filter of each kind of process. Included after cmocka.
 */
#ifndef TESTS_UNIT_BASE_PROCESS_ROLES_H
#define TESTS_UNIT_BASE_PROCESS_ROLES_H

#include <signal.h>
#include <stdbool.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/process/syscall_filter.h"

#define CANT 77 /* the kernel has no such filters */

static const struct role {
	const char *name;
	unsigned groups;
} roles[] = {
	{"sidecar", SYSCALL_CONNECT | SYSCALL_ACCEPT | SYSCALL_WRITE},
	{"sidecar with a clone",
	 SYSCALL_CONNECT | SYSCALL_ACCEPT | SYSCALL_WRITE | SYSCALL_PROGRAMS | SYSCALL_RESTRICT},
	{"relay", SYSCALL_ACCEPT | SYSCALL_WRITE},
	{"webhook", SYSCALL_ACCEPT},
	{"worker", SYSCALL_CONNECT | SYSCALL_WRITE | SYSCALL_RESTRICT},
	{"worker with submodules",
	 SYSCALL_CONNECT | SYSCALL_WRITE | SYSCALL_RESTRICT | SYSCALL_FORK},
	{"worker that has fetched all", SYSCALL_WRITE | SYSCALL_RESTRICT},
};
#define ROLES (sizeof(roles) / sizeof(roles[0]))

static struct syscall_filter *filters[ROLES];

/* Runs the function in a process with the role's filter; returns waitpid's status. */
static inline int
run(const struct role *role, int (*fn)(const void *arg), const void *arg)
{
	struct syscall_filter **filter = &filters[role - roles];
	struct err e = ERR_INIT;
	int status = -1;

	if (*filter == NULL)
		*filter = syscall_filter_new(role->groups, &e);
	assert_non_null(*filter);
	pid_t pid = fork();
	assert_true(pid >= 0);
	if (pid == 0)
		_exit(syscall_filter_load(*filter, &e) ? fn(arg) : CANT);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	if (WIFEXITED(status) && WEXITSTATUS(status) == CANT)
		skip();
	return status;
}

static inline void
free_filters(void)
{
	for (size_t i = 0; i < ROLES; i++)
		syscall_filter_free(filters[i]);
}

static inline bool
is_killed(int status)
{
	return WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS;
}

#endif
