/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The environment of a child process: only variables that are added explicitly, bounded in size.
 */
#ifndef CLONE_ENVIRONMENT_H
#define CLONE_ENVIRONMENT_H

#include "base/arena.h"

#define ENVIRONMENT_VARIABLES_MAX 48

struct environment {
	struct arena arena;				/* also for values that callers format */
	char *variables[ENVIRONMENT_VARIABLES_MAX + 1]; /* as execve takes them */
	size_t count;
	bool failed; /* something is missing: no memory, or too many variables */
};

/* Starts with PATH, HOME, LANG and the proxy variables of our own environment (HTTPS_PROXY,
 * NO_PROXY, …). */
void environment_init(struct environment *env);
void environment_fini(struct environment *env);

/* Does nothing if value is NULL. */
void environment_add(struct environment *env, const char *name, const char *value);
/* The same for a value formatted in the arena: NULL is a failure. */
void environment_add_made(struct environment *env, const char *name, const char *value);
/* Copies the variable from our own environment, if set. */
void environment_inherit(struct environment *env, const char *name);

#endif
