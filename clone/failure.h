/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Why a clone ended without a repository: the class that people are told about, and the detail that
 * only the log gets. The first failure is kept: what follows from it (a library that gives up after
 * our own refusal) says less.
 */
#ifndef CLONE_FAILURE_H
#define CLONE_FAILURE_H

#include "clone/clone.h"

struct clone_failure {
	enum clone_problem problem; /* CLONE_PROBLEM_NONE: nothing failed yet */
	struct err detail;
};

/* Always return false, so that callers can `return failure_set(…)`. */
bool failure_set(struct clone_failure *f, enum clone_problem problem, const char *format, ...)
	PRINTF_LIKE(3, 4);

/* The class follows from errno: no space, no permission, else internal. */
bool failure_set_errno(struct clone_failure *f, int errno_value, const char *format, ...)
	PRINTF_LIKE(3, 4);

enum clone_problem failure_problem_of_errno(int errno_value);

#endif
