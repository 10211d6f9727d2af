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

/* What can be restricted, and what rules can permit. */
enum confine_access {
	CONFINE_READ = 1,   /* of files and directory lists; reading metadata is never restricted */
	CONFINE_WRITE = 2,  /* changing files; modes and owners are not restricted */
	CONFINE_REMOVE = 4, /* removing files, without other changes; part of CONFINE_WRITE */
	CONFINE_RUN = 8,    /* executing as a program */
	/* Listening on TCP ports (Linux 6.7), and signals to processes outside the sandbox (Linux
	 * 6.12). No rule permits them. */
	CONFINE_LISTEN = 16,
	CONFINE_SIGNAL = 32,
	/* Connections to abstract unix sockets of processes outside the sandbox (Linux 6.12). */
	CONFINE_ABSTRACT = 64,
};

struct confine_rule {
	const char *path; /* a directory includes all below it */
	unsigned access;
};

#define CONFINE_RULES_MAX 64u
struct confine_rules {
	struct confine_rule items[CONFINE_RULES_MAX];
	size_t count;
};

/* Adds a rule; does nothing for NULL. The path must live as long as the rules. Asserts that there
 * is room. */
void confine_add(struct confine_rules *rules, const char *path, unsigned access);

/*
 * Permanently denies the kinds of access in `restricted`, except where a rule permits them; other
 * access is unchanged. Skips missing paths. Call it before the first thread starts. False: not
 * supported or not permitted, and nothing is restricted; no_new_privs may have been set.
 */
bool confine_process(const struct confine_rules *rules, unsigned restricted,
		     struct err *e) MUST_CHECK;

#endif
