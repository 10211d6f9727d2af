/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Collects the problems of a configuration, so that all of them are reported at once.
 */
#ifndef BASE_CONF_CONF_PROBLEMS_H
#define BASE_CONF_CONF_PROBLEMS_H

#include <stdio.h>

#include "base/err.h"

/* Problems of a configuration, and notes about it, in order. Beyond these maxima they are only
 * counted. */
#define CONF_PROBLEMS_MAX 64
#define CONF_NOTES_MAX	  32
struct conf_problems {
	struct err items[CONF_PROBLEMS_MAX];
	size_t count;
	struct err notes[CONF_NOTES_MAX];
	size_t notes_count;
};

/* Adds "<name>: <message>". Control characters are replaced, so that it is one line. */
void conf_problem(struct conf_problems *p, const char *name, const char *format, ...)
	PRINTF_LIKE(3, 4);
void conf_note(struct conf_problems *p, const char *name, const char *format, ...)
	PRINTF_LIKE(3, 4);
void conf_print_problems(const struct conf_problems *p, FILE *out); /* one line each */

#endif
