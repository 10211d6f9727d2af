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

/*
 * The files that name resolution, TLS, libraries and our own metrics read. All of /etc, because
 * files there are replaced; SANDBOX_NO_SECRETS: only these files as they are now, because secrets
 * may be next to them.
 */
enum sandbox_files {
	SANDBOX_SYSTEM,
	SANDBOX_NO_SECRETS,
};
void sandbox_add_system(struct confine_rules *rules, enum sandbox_files files);

/* Permits what is needed to start another process of this program: its file and loader. */
void sandbox_add_own_program(struct confine_rules *rules);

/*
 * Permits a configured file and its directory, because updates replace the file by renaming. If the
 * path contains links, also the directory that the file is really in. In the root directory, only
 * the file that is there now: one that replaces it can't be read. Does nothing for NULL. Paths are
 * copied into the arena.
 */
struct arena;
bool sandbox_add_file(struct confine_rules *rules, const char *path, struct arena *a) MUST_CHECK;

/* Returns the path's parent, or its nearest existing ancestor. Returns the path itself if that
 * would be the root directory and something is mounted at the path. NULL: out of memory. */
const char *sandbox_surroundings(const char *path, struct arena *a) MUST_CHECK;
bool sandbox_is_mount_point(const char *path);

/* Applies both sandboxes permanently, as far as the settings say. Asserts that the process has a
 * single thread: Landlock would not restrict others. */
void sandbox_enter(const struct sandbox_settings *settings, const struct confine_rules *rules,
		   unsigned restricted, unsigned groups);

#endif
