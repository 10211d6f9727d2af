/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Restricts the calling process, and those that it starts, to files below given paths (Landlock,
 * Linux 5.19). Another user of a volume may replace a directory by a symbolic link while a library
 * works with paths; accesses that such a link would lead outside then fail.
 */
#ifndef BASE_PROCESS_CONFINE_H
#define BASE_PROCESS_CONFINE_H

#include <stddef.h>

#include "base/err.h"

/* What is restricted, and what a rule permits. */
enum confine_access {
	CONFINE_READ = 1,   /* files and lists of directories; metadata are never restricted */
	CONFINE_WRITE = 2,  /* changes; modes and owners are not restricted */
	CONFINE_REMOVE = 4, /* of files alone; part of CONFINE_WRITE */
	CONFINE_RUN = 8,    /* as a program */
	/* Listening on TCP ports (Linux 6.7) and signals to processes that are not restricted in
	 * the same way (Linux 6.12). No rule permits them. */
	CONFINE_LISTEN = 16,
	CONFINE_SIGNAL = 32,
	/* Connections to abstract unix sockets of such processes (Linux 6.12). */
	CONFINE_ABSTRACT = 64,
};

struct confine_rule {
	const char *path; /* all below it; a file is itself */
	unsigned access;
};

#define CONFINE_RULES_MAX 64u
struct confine_rules {
	struct confine_rule items[CONFINE_RULES_MAX];
	size_t count;
};

/* Nothing happens for NULL. The path must live as long as the rules, of which there are few enough.
 */
void confine_add(struct confine_rules *rules, const char *path, unsigned access);

/*
 * Permits what the rules say, and of the rest what is not among restricted; missing paths are
 * skipped. Must be called before the first thread is started; cannot be undone. False: not
 * supported or not permitted, and nothing has changed.
 */
bool confine_process(const struct confine_rules *rules, unsigned restricted,
		     struct err *e) MUST_CHECK;

#endif
