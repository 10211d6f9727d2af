/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A Landlock ruleset. glibc has no wrappers for the system calls, and the headers of Linux 6.1
 * lack later additions, so those constants are defined here.
 */
#include "base/process/confine.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Landlock ABI versions: renames between directories, truncate(2), TCP ports, ioctl(2) on devices,
 * scopes. */
#define VERSION_MOVES	 2
#define VERSION_TRUNCATE 3
#define VERSION_NET	 4
#define VERSION_IOCTL	 5
#define VERSION_SCOPES	 6
#define FS_TRUNCATE	 (1ull << 14)
#define FS_IOCTL_DEVICE	 (1ull << 15)
#define NET_BIND_TCP	 (1ull << 0)
#define SCOPE_ABSTRACT	 (1ull << 0)
#define SCOPE_SIGNAL	 (1ull << 1)

#define WRITE_FILE ((uint64_t)LANDLOCK_ACCESS_FS_WRITE_FILE)
#define REMOVE	   ((uint64_t)LANDLOCK_ACCESS_FS_REMOVE_FILE)
#define WRITE_FOLDER                                                                               \
	((uint64_t)(LANDLOCK_ACCESS_FS_REMOVE_DIR | LANDLOCK_ACCESS_FS_REMOVE_FILE |               \
		    LANDLOCK_ACCESS_FS_MAKE_DIR | LANDLOCK_ACCESS_FS_MAKE_REG |                    \
		    LANDLOCK_ACCESS_FS_MAKE_SOCK | LANDLOCK_ACCESS_FS_MAKE_FIFO |                  \
		    LANDLOCK_ACCESS_FS_MAKE_SYM | LANDLOCK_ACCESS_FS_REFER))
#define WRITE_NEVER ((uint64_t)(LANDLOCK_ACCESS_FS_MAKE_CHAR | LANDLOCK_ACCESS_FS_MAKE_BLOCK))
#define READ_FILE   ((uint64_t)LANDLOCK_ACCESS_FS_READ_FILE)
#define READ_FOLDER ((uint64_t)LANDLOCK_ACCESS_FS_READ_DIR)
#define RUN	    ((uint64_t)LANDLOCK_ACCESS_FS_EXECUTE)

/* landlock_ruleset_attr as of VERSION_SCOPES. Older kernels accept unknown fields that are 0. */
struct restriction {
	uint64_t fs;
	uint64_t net;
	uint64_t scoped;
};

void
confine_add(struct confine_rules *rules, const char *path, unsigned access)
{
	if (path == NULL)
		return;
	err_assert(rules->count < CONFINE_RULES_MAX);
	rules->items[rules->count++] = (struct confine_rule){.path = path, .access = access};
}

/* Returns Landlock's rights for the access to a file, or to a directory and all below it. */
static uint64_t
bits_of(unsigned access, bool is_folder, long version)
{
	uint64_t bits = 0;

	if ((access & CONFINE_READ) != 0)
		bits |= READ_FILE | (is_folder ? READ_FOLDER : 0);
	if ((access & CONFINE_WRITE) != 0)
		bits |= WRITE_FILE | (version >= VERSION_TRUNCATE ? FS_TRUNCATE : 0) |
			(is_folder ? WRITE_FOLDER : 0);
	if ((access & CONFINE_REMOVE) != 0)
		bits |= is_folder ? REMOVE : 0;
	if ((access & CONFINE_RUN) != 0)
		bits |= RUN;
	return bits;
}

static struct restriction
restriction_of(unsigned restricted, long version)
{
	struct restriction r = {.fs = bits_of(restricted, true, version)};

	if ((restricted & CONFINE_WRITE) != 0)
		r.fs |= WRITE_NEVER | (version >= VERSION_IOCTL ? FS_IOCTL_DEVICE : 0);
	if ((restricted & CONFINE_LISTEN) != 0 && version >= VERSION_NET)
		r.net = NET_BIND_TCP;
	if ((restricted & CONFINE_SIGNAL) != 0 && version >= VERSION_SCOPES)
		r.scoped |= SCOPE_SIGNAL;
	if ((restricted & CONFINE_ABSTRACT) != 0 && version >= VERSION_SCOPES)
		r.scoped |= SCOPE_ABSTRACT;
	return r;
}

static bool
permit(int ruleset, const struct confine_rule *wanted, uint64_t handled, long version,
       struct err *e)
{
	int fd = open(wanted->path, O_PATH | O_CLOEXEC);
	struct landlock_path_beneath_attr rule = {.parent_fd = fd};
	struct stat st;
	bool ok;

	if (fd < 0)
		return errno == ENOENT || err_set_errno(e, errno, "%s", wanted->path);
	bool is_folder = fstat(fd, &st) == 0 && S_ISDIR(st.st_mode);
	rule.allowed_access = bits_of(wanted->access, is_folder, version) & handled;
	ok = rule.allowed_access == 0 ||
	     syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &rule, 0) == 0 ||
	     err_set_errno(e, errno, "Landlock rule for %s", wanted->path);
	close(fd);
	return ok;
}

static size_t
size_for(long version)
{
	if (version >= VERSION_SCOPES)
		return sizeof(struct restriction);
	return version >= VERSION_NET ? 2 * sizeof(uint64_t) : sizeof(uint64_t);
}

bool
confine_process(const struct confine_rules *rules, unsigned restricted, struct err *e)
{
	long version =
		syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
	struct restriction handled = restriction_of(restricted, version);
	bool ok = true;

	if (version < VERSION_MOVES)
		return err_set(e, ERR_SYSTEM,
			       "this kernel has no Landlock or an old version of it");
	int ruleset = (int)syscall(SYS_landlock_create_ruleset, &handled, size_for(version), 0);
	if (ruleset < 0)
		return err_set_errno(e, errno, "Landlock");
	for (size_t i = 0; ok && i < rules->count; i++)
		ok = permit(ruleset, &rules->items[i], handled.fs, version, e);
	if (ok && (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
		   syscall(SYS_landlock_restrict_self, ruleset, 0) < 0))
		ok = err_set_errno(e, errno, "Landlock");
	close(ruleset);
	return ok;
}
