/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sshd needs a passwd entry for the user id that it runs as. Images for OpenShift leave
 * /etc/passwd writable for group 0, so that one can be added.
 */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/process/fd.h"
#include "ssh/helper/helper_private.h"

#define PASSWD_FILE "/etc/passwd"
#define ADDED_NAME  "workspace"

static bool
copy(char *out, size_t size, const char *text)
{
	int len = snprintf(out, size, "%s", text);

	return len > 0 && (size_t)len < size;
}

static const char *
find_shell(void)
{
	return access("/bin/bash", X_OK) == 0 ? "/bin/bash" : "/bin/sh";
}

static bool
add_entry(struct err *e)
{
	const char *home = getenv("HOME");
	char line[2 * HELPER_PATH_MAX];
	int fd;
	int len;
	bool ok;

	if (home == NULL || home[0] != '/' || home[strcspn(home, ":\n")] != '\0')
		home = "/tmp";
	if (getpwnam(ADDED_NAME) != NULL)
		return err_set(e, ERR_CONFIG,
			       "the user id %u has no entry in " PASSWD_FILE ", and the name "
			       "\"" ADDED_NAME "\" is taken",
			       (unsigned)getuid());
	len = snprintf(line, sizeof(line), ADDED_NAME ":x:%u:%u:workspace:%s:%s\n",
		       (unsigned)getuid(), (unsigned)getgid(), home, find_shell());
	fd = open(PASSWD_FILE, O_WRONLY | O_APPEND | O_NOFOLLOW | O_CLOEXEC);
	ok = fd >= 0 && len > 0 && (size_t)len < sizeof(line) &&
	     write(fd, line, (size_t)len) == len;
	fd_close(fd);
	return ok || err_set(e, ERR_CONFIG,
			     "the user id %u has no entry in " PASSWD_FILE
			     ", which sshd needs, and that file is not writable",
			     (unsigned)getuid());
}

bool
helper_account_find(struct helper_account *a, struct err *e)
{
	const struct passwd *entry = getpwuid(getuid());

	if (entry == NULL) {
		if (!add_entry(e))
			return false;
		entry = getpwuid(getuid());
	}
	if (entry == NULL)
		return err_set(e, ERR_CONFIG, "no passwd entry for the user id %u",
			       (unsigned)getuid());
	if (!ssh_user_is_valid(str_from(entry->pw_name)))
		return err_set(e, ERR_CONFIG,
			       "the user's name in " PASSWD_FILE
			       " has other characters than letters, digits, '.', '_' and '-'");
	if (!copy(a->name, sizeof(a->name), entry->pw_name) ||
	    !copy(a->home, sizeof(a->home), entry->pw_dir) ||
	    !copy(a->shell, sizeof(a->shell),
		  entry->pw_shell[0] == '\0' ? "/bin/sh" : entry->pw_shell))
		return err_set(e, ERR_CONFIG,
			       "the user's home or shell in " PASSWD_FILE
			       " is empty or longer than %u bytes",
			       HELPER_PATH_MAX - 1);
	a->gid = entry->pw_gid;
	if (access(a->shell, X_OK) != 0)
		return err_set(e, ERR_CONFIG, "the user's shell %.100s can't be executed",
			       a->shell);
	return true;
}

bool
helper_account_has_terminals(const struct helper_account *a)
{
	const struct group *tty = getgrnam("tty");
	gid_t wanted = tty != NULL ? tty->gr_gid : a->gid;
	int fd = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
	const char *name;
	struct stat st;
	bool ok;

	if (fd < 0)
		return false;
	name = grantpt(fd) == 0 && unlockpt(fd) == 0 ? ptsname(fd) : NULL;
	ok = name != NULL && stat(name, &st) == 0 && st.st_gid == wanted;
	close(fd);
	return ok;
}
