/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writes a seccomp filter as a program of classic BPF: the action for each system call, as
 * instructions for the kernel.
 *
 * A binary search finds the call, so that each takes about ten instructions. Where an action
 * depends on the number alone, the program reads nothing but number and architecture: the kernel
 * then knows which calls are always allowed, and does not run the program for these.
 */
#ifndef BASE_PROCESS_SYSCALL_PROGRAM_H
#define BASE_PROCESS_SYSCALL_PROGRAM_H

#include <linux/filter.h>
#include <stddef.h>
#include <stdint.h>

#include "base/process/syscall_table.h"

#define SYSCALL_NUMBERS	    640u /* above all call numbers */
#define SYSCALL_RULES_MAX   64u
#define SYSCALL_PROGRAM_MAX 1024u /* instructions */

enum syscall_action {
	SYSCALL_REFUSED, /* EPERM */
	SYSCALL_ALLOWED,
	SYSCALL_FATAL,	 /* ends the process */
	SYSCALL_UNKNOWN, /* ENOSYS */
	SYSCALL_CHECKED, /* allowed if one of its rules matches, otherwise refused */
};

/* Numbers above the table are unknown. Calls of x32 and of other architectures are fatal. */
struct syscall_plan {
	uint32_t architecture;			/* AUDIT_ARCH_… */
	unsigned char actions[SYSCALL_NUMBERS]; /* enum syscall_action */
	size_t rule_count;
	struct {
		unsigned number;
		const struct syscall_condition *conditions; /* SYSCALL_ARGUMENTS of them */
	} rules[SYSCALL_RULES_MAX];
};

struct syscall_filter {
	size_t count;
	struct sock_filter items[SYSCALL_PROGRAM_MAX];
};

/* Writes the program. It supports about 250 changes of the action from one number to the next. */
void syscall_program_write(struct syscall_filter *f, const struct syscall_plan *plan);

#endif
