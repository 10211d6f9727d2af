/* SPDX-License-Identifier: Apache-2.0 */
/*
 * System calls by name, for base/process/syscall_filter. Names that an architecture does not have
 * are skipped there.
 */
#ifndef BASE_PROCESS_SYSCALL_TABLE_H
#define BASE_PROCESS_SYSCALL_TABLE_H

#include <stddef.h>

#define SYSCALL_NAME_MAX 32

/* groups: bits of enum syscall_group, any of which allows the calls; 0: always allowed. Names have
 * single spaces between. */
struct syscall_list {
	unsigned groups;
	const char *names;
};

/* Allowed whatever the arguments. Those that depend on them are in syscall_filter.c. */
extern const struct syscall_list syscall_allowed[];
extern const size_t syscall_allowed_count;

/* Not to be tried: they end the process unless they are allowed. */
extern const char syscall_fatal[];

#endif
