/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Restricts file system changes with a Landlock ruleset. glibc has no wrappers for the system
 * calls.
 */
#include "clone/confine.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* The first ABI that allows moving files between directories, and the one with truncate(2), which
 * the headers of Linux 6.1 lack. */
#define VERSION_MOVES	 2
#define VERSION_TRUNCATE 3
#define ACCESS_TRUNCATE	 (1ull << 14)

#define ACCESS_FILE ((uint64_t)LANDLOCK_ACCESS_FS_WRITE_FILE)
#define ACCESS_FOLDER                                                                              \
	((uint64_t)(LANDLOCK_ACCESS_FS_REMOVE_DIR | LANDLOCK_ACCESS_FS_REMOVE_FILE |               \
		    LANDLOCK_ACCESS_FS_MAKE_DIR | LANDLOCK_ACCESS_FS_MAKE_REG |                    \
		    LANDLOCK_ACCESS_FS_MAKE_SOCK | LANDLOCK_ACCESS_FS_MAKE_FIFO |                  \
		    LANDLOCK_ACCESS_FS_MAKE_SYM | LANDLOCK_ACCESS_FS_REFER))
#define ACCESS_NEVER ((uint64_t)(LANDLOCK_ACCESS_FS_MAKE_CHAR | LANDLOCK_ACCESS_FS_MAKE_BLOCK))

static bool
allow(int ruleset, const char *path, uint64_t file, struct err *e)
{
	int fd = open(path, O_PATH | O_CLOEXEC);
	struct landlock_path_beneath_attr rule = {.allowed_access = file, .parent_fd = fd};
	struct stat st;
	bool ok;

	if (fd < 0)
		return errno == ENOENT || err_set_errno(e, errno, "%s", path);
	if (fstat(fd, &st) == 0 && S_ISDIR(st.st_mode))
		rule.allowed_access |= ACCESS_FOLDER;
	ok = syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &rule, 0) == 0 ||
	     err_set_errno(e, errno, "Landlock rule for %s", path);
	close(fd);
	return ok;
}

bool
confine_changes(const char *const *paths, struct err *e)
{
	long version =
		syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
	uint64_t file = ACCESS_FILE | (version >= VERSION_TRUNCATE ? ACCESS_TRUNCATE : 0);
	const struct landlock_ruleset_attr handled = {
		.handled_access_fs = file | ACCESS_FOLDER | ACCESS_NEVER,
	};
	int ruleset;
	bool ok = true;

	if (version < VERSION_MOVES)
		return err_set(e, ERR_SYSTEM,
			       "this kernel has no Landlock or an old version of it");
	ruleset = (int)syscall(SYS_landlock_create_ruleset, &handled, sizeof(handled), 0);
	if (ruleset < 0)
		return err_set_errno(e, errno, "Landlock");
	for (; ok && *paths != NULL; paths++)
		ok = allow(ruleset, *paths, file, e);
	if (ok && (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
		   syscall(SYS_landlock_restrict_self, ruleset, 0) < 0))
		ok = err_set_errno(e, errno, "Landlock");
	close(ruleset);
	return ok;
}
