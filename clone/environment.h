/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The environment of a process that we start: what is added here and nothing else, bounded.
 */
#ifndef CLONE_ENVIRONMENT_H
#define CLONE_ENVIRONMENT_H

#include "base/arena.h"

#define ENVIRONMENT_VARIABLES_MAX 48

struct environment {
	struct arena arena;				/* for values that are made on the way */
	char *variables[ENVIRONMENT_VARIABLES_MAX + 1]; /* as execve takes them */
	size_t count;
	bool failed; /* something was left out: no memory, or too much */
};

/* With PATH, HOME, LANG and the proxies of our own environment (HTTPS_PROXY, NO_PROXY, …). */
void environment_init(struct environment *env);
void environment_fini(struct environment *env);

/* value NULL: nothing is added. */
void environment_add(struct environment *env, const char *name, const char *value);
/* The same of a value that was made with the arena: NULL is a failure. */
void environment_add_made(struct environment *env, const char *name, const char *value);
/* The variable of ours, where we have it. */
void environment_inherit(struct environment *env, const char *name);

#endif
