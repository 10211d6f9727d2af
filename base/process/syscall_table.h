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

/* groups: bits of enum syscall_group, any of which allows the calls; 0: always allowed. Names have
 * single spaces between. */
struct syscall_list {
	unsigned groups;
	const char *names;
};

/* Allowed whatever the arguments. */
extern const struct syscall_list syscall_allowed[];
extern const size_t syscall_allowed_count;

/* (argument & mask) == value, in all 64 bits; two zeroes: always. */
struct syscall_condition {
	uint64_t mask;
	uint64_t value;
};

/* Allowed where the conditions of all arguments hold; with several rules, where those of any rule
 * do. A call that has rules for a process fails otherwise, also where it would be fatal. */
struct syscall_rule {
	unsigned groups; /* as in struct syscall_list */
	const char *name;
	struct syscall_condition conditions[SYSCALL_ARGUMENTS];
};
extern const struct syscall_rule syscall_rules[];
extern const size_t syscall_rules_count;

/* Not to be tried: they end the process unless they are allowed. */
extern const char syscall_fatal[];

#endif
