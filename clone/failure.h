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
	bool is_transient;	    /* may pass by itself: worth another attempt */
	uint64_t retry_after_ms;    /* ... but not earlier; 0: as one likes */
	struct err detail;
};

/* Always return false, so that callers can `return failure_set(…)`. */
bool failure_set(struct clone_failure *f, enum clone_problem problem, const char *format, ...)
	PRINTF_LIKE(3, 4);

/* The class follows from errno: no space, no permission, else internal. */
bool failure_set_errno(struct clone_failure *f, int errno_value, const char *format, ...)
	PRINTF_LIKE(3, 4);

enum clone_problem failure_problem_of_errno(int errno_value);

/* The same from a message that holds strerror's text; CLONE_PROBLEM_NONE when it holds none of
 * those that have a class of their own. */
enum clone_problem failure_problem_of_text(const char *message);

/* What GitLab's answer to git means when it is not 200. */
enum clone_problem failure_problem_of_status(long status);

/* Records that, and whether it may pass by itself. */
bool failure_set_status(struct clone_failure *f, long status, uint64_t retry_after_ms);

/* How long to wait before attempt `attempt` (1: the second one): longer each time, as long as the
 * server asked for, within bounds. random: any 16 bits. */
uint64_t failure_delay_ms(const struct clone_failure *f, unsigned attempt, uint16_t random);

#endif
