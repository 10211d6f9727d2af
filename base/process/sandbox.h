/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Restricts a process once it has started: system calls (base/process/syscall_filter) and files
 * (base/process/confine). If the kernel does not support a restriction, this is logged and the
 * process continues.
 */
#ifndef BASE_PROCESS_SANDBOX_H
#define BASE_PROCESS_SANDBOX_H

#include "base/process/confine.h"
#include "base/process/syscall_filter.h"

struct sandbox_settings {
	bool seccomp;
	bool landlock;
};

/* The files that name resolution, TLS, libraries and our own accounting read. In /etc the whole
 * directory, because files there are replaced; SANDBOX_NO_SECRETS: just the files, as they are now,
 * because secrets may be beside them. */
enum sandbox_files {
	SANDBOX_SYSTEM,
	SANDBOX_NO_SECRETS,
};
void sandbox_add_system(struct confine_rules *rules, enum sandbox_files files);

/* The program that runs, and its loader: what it takes to start another process of it. */
void sandbox_add_own_program(struct confine_rules *rules);

/*
 * A configured file, and its directory, because it is replaced by renaming: also the one that it is
 * in if the path leads through links. Nothing happens for NULL. Paths are copied into the arena.
 */
struct arena;
bool sandbox_add_file(struct confine_rules *rules, const char *path, struct arena *a) MUST_CHECK;

/* The path's parent, or the nearest directory above that exists; the path itself where that would
 * be the root directory and something is mounted at the path. NULL without memory. */
const char *sandbox_surroundings(const char *path, struct arena *a) MUST_CHECK;
bool sandbox_is_mount_point(const char *path);

/* Applies both restrictions, as far as the settings say, permanently. The process must have no
 * other threads. */
void sandbox_enter(const struct sandbox_settings *settings, const struct confine_rules *rules,
		   unsigned restricted, unsigned groups);

#endif
