/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Decides about each system call: what the table allows, what depends on arguments, what is fatal,
 * and what is newer than the table. The rest is refused. libseccomp knows the calls' numbers, up to
 * Linux 5.17; it does not write the program, for which it takes milliseconds and half a megabyte.
 */
#include "base/process/syscall_filter.h"

#include <errno.h>
#include <linux/seccomp.h>
#include <seccomp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/process/syscall_program.h"
#include "base/process/syscall_table.h"
#include "base/str.h"

/* Returns the call's number, or -1: this architecture does not have it. */
static int
number_of(const char *name)
{
	int number = seccomp_syscall_resolve_name(name);

	return number >= 0 && number < (int)SYSCALL_NUMBERS ? number : -1;
}

static bool
is_known(unsigned number)
{
	char *name = seccomp_syscall_resolve_num_arch(SCMP_ARCH_NATIVE, (int)number);

	free(name);
	return name != NULL;
}

/* Sets the action for a call that has none yet. */
static void
decide(struct syscall_plan *plan, enum syscall_action action, const char *names)
{
	struct str rest = str_from(names);
	struct str part;

	while (str_next(&rest, ' ', &part)) {
		char name[SYSCALL_NAME_MAX];

		(void)snprintf(name, sizeof(name), "%.*s", STR_FMT(part));
		int number = number_of(name);
		if (number >= 0 && plan->actions[number] == SYSCALL_REFUSED)
			plan->actions[number] = (unsigned char)action;
	}
}

static void
add_rule(struct syscall_plan *plan, const struct syscall_rule *rule)
{
	int number = number_of(rule->name);

	if (number < 0)
		return;
	err_assert(plan->rule_count < SYSCALL_RULES_MAX);
	plan->actions[number] = SYSCALL_CHECKED;
	plan->rules[plan->rule_count].number = (unsigned)number;
	plan->rules[plan->rule_count++].conditions = rule->conditions;
}

static bool
applies(unsigned to, unsigned groups)
{
	return to == 0 || (to & groups) != 0;
}

/* Makes the C library use older calls. clone3 passes its flags in memory, which a filter can't
 * read. */
static void
decide_newer(struct syscall_plan *plan)
{
	decide(plan, SYSCALL_UNKNOWN, "clone3");
	for (unsigned number = 0; number < SYSCALL_NUMBERS; number++)
		if (plan->actions[number] == SYSCALL_REFUSED && !is_known(number))
			plan->actions[number] = SYSCALL_UNKNOWN;
}

static void
make_plan(struct syscall_plan *plan, unsigned groups)
{
	*plan = (struct syscall_plan){.architecture = seccomp_arch_native()};
	for (size_t i = 0; i < syscall_allowed_count; i++)
		if (applies(syscall_allowed[i].groups, groups))
			decide(plan, SYSCALL_ALLOWED, syscall_allowed[i].names);
	for (size_t i = 0; i < syscall_rules_count; i++)
		if (applies(syscall_rules[i].groups, groups))
			add_rule(plan, &syscall_rules[i]);
	decide(plan, SYSCALL_FATAL, syscall_fatal);
	decide_newer(plan);
}

struct syscall_filter *
syscall_filter_new(unsigned groups, struct err *e)
{
	struct syscall_filter *f = err_alloc(e, sizeof(*f), "seccomp: out of memory");
	struct syscall_plan plan;

	if (f == NULL)
		return NULL;
	make_plan(&plan, groups);
	syscall_program_write(f, &plan);
	return f;
}

void
syscall_filter_free(struct syscall_filter *f)
{
	free(f);
}

bool
syscall_filter_load(struct syscall_filter *f, struct err *e)
{
	struct sock_fprog program = {.len = (unsigned short)f->count, .filter = f->items};
	long result;

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return err_set_errno(e, errno, "seccomp: no_new_privs");
	result = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC, &program);
	if (result > 0)
		return err_set(e, ERR_SYSTEM, "seccomp: thread %ld has another filter", result);
	return result == 0 || err_set_errno(e, errno, "seccomp");
}

bool
syscall_filter_apply(unsigned groups, struct err *e)
{
	struct syscall_filter *f = syscall_filter_new(groups, e);
	bool ok = f != NULL && syscall_filter_load(f, e);

	syscall_filter_free(f);
	return ok;
}
