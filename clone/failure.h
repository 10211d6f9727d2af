/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Why a clone failed: the class shown to users, and a detail for the log. Only the first failure is
 * kept: later ones are consequences (a library that gives up after our own refusal).
 */
#ifndef CLONE_FAILURE_H
#define CLONE_FAILURE_H

#include "clone/clone.h"

struct clone_failure {
	enum clone_problem problem; /* CLONE_PROBLEM_NONE: nothing failed yet */
	bool is_transient;	    /* worth a retry */
	uint64_t retry_after_ms;    /* earliest time of a retry; 0: not set */
	struct err detail;
	char remote_text[CLONE_REMOTE_TEXT_MAX]; /* the server's explanation; empty: none */
};

/* Always return false, so that callers can `return failure_set(…)`. */
bool failure_set(struct clone_failure *f, enum clone_problem problem, const char *format, ...)
	PRINTF_LIKE(3, 4);

/* The class follows from errno: no space, no permission, else internal. */
bool failure_set_errno(struct clone_failure *f, int errno_value, const char *format, ...)
	PRINTF_LIKE(3, 4);

/* As failure_set_errno, from a message that contains strerror's text; CLONE_PROBLEM_NONE: it has no
 * class. */
enum clone_problem failure_problem_of_text(const char *message);

/* Records the status and whether a retry makes sense. */
bool failure_set_status(struct clone_failure *f, long status, uint64_t retry_after_ms);

/* Adds the server's explanation to the failure and its detail. Does nothing if text is empty. */
void failure_set_remote_text(struct clone_failure *f, struct str text);

/* Formats untrusted text for people: on one line, without control characters. size includes the
 * NUL. */
void failure_format_text(struct str text, char *out, size_t size);

/* Returns the delay before attempt `attempt` (1: the first retry): exponential, at least what the
 * server asked for, and bounded. random: 16 random bits. */
uint64_t failure_delay_ms(const struct clone_failure *f, unsigned attempt, uint16_t random);

#endif
