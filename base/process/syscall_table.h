/* SPDX-License-Identifier: Apache-2.0 */
/*
 * System calls by name, for base/process/syscall_filter. Names that an architecture does not have
 * are skipped there.
 */
#ifndef BASE_PROCESS_SYSCALL_TABLE_H
#define BASE_PROCESS_SYSCALL_TABLE_H

#include <stddef.h>
#include <stdint.h>

#define SYSCALL_NAME_MAX  32
#define SYSCALL_ARGUMENTS 3 /* the first ones, which conditions can be about */

/* Names of calls, separated by single spaces. groups: bits of enum syscall_group; each of these
 * groups allows the calls. 0: always allowed. */
struct syscall_list {
	unsigned groups;
	const char *names;
};

/* Allowed with any arguments. */
extern const struct syscall_list syscall_allowed[];
extern const size_t syscall_allowed_count;

/* Holds if (argument & mask) == value, in all 64 bits. Both zero: always. */
struct syscall_condition {
	uint64_t mask;
	uint64_t value;
};

/* Allowed if the conditions of all arguments hold. If a call has several rules, one must match. A
 * call with rules for a process fails if none matches, even if the call is fatal otherwise. */
struct syscall_rule {
	unsigned groups; /* as in struct syscall_list */
	const char *name;
	struct syscall_condition conditions[SYSCALL_ARGUMENTS];
};
extern const struct syscall_rule syscall_rules[];
extern const size_t syscall_rules_count;

/* Calls that end the process unless they are allowed. */
extern const char syscall_fatal[];

#endif
