/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Copies each helper program to a temporary file and renames it, so that it appears whole or not
 * at all, and so that a running older version can be replaced.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/process/fd.h"
#include "proxy/command/command.h"

#define FRESH	   ".workspace-proxy.new"
#define PATH_BYTES 4096
#define NAME_BYTES 64

#define SSHD_SOURCE "../lib/workspace-proxy/sshd" /* in our container image */
#define SSHD_TARGET "sshd"

static const char *const programs[] = {"git-credential-workspace", "workspace-ssh",
				       "workspace-run"};

/* Opens a path relative to the directory of the running program. -1 on failure. */
static int
open_source(const char *name, int flags, struct err *e)
{
	char path[PATH_BYTES + NAME_BYTES];
	ssize_t len = readlink("/proc/self/exe", path, PATH_BYTES);
	int fd;

	if (len <= 0 || len == PATH_BYTES) {
		err_set_errno(e, errno, "/proc/self/exe");
		return -1;
	}
	while (len > 0 && path[len - 1] != '/')
		len--;
	(void)snprintf(path + len, NAME_BYTES, "%s", name);
	fd = open(path, O_RDONLY | O_CLOEXEC | flags);
	if (fd < 0)
		err_set_errno(e, errno, "%s", path);
	return fd;
}

static bool
copy_bytes(const char *program, int from, int to, struct err *e)
{
	struct stat st;
	off_t done = 0;

	if (fstat(from, &st) != 0)
		return err_set_errno(e, errno, "%s", program);
	while (done < st.st_size) {
		ssize_t n = sendfile(to, from, &done, (size_t)(st.st_size - done));

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return err_set_errno(e, n < 0 ? errno : EIO, "copy %s", program);
	}
	return fchmod(to, 0755) == 0 || err_set_errno(e, errno, "chmod");
}

static bool
copy_into(const char *program, int directory, int from, struct err *e)
{
	int to;
	bool ok;

	(void)unlinkat(directory, FRESH, 0); /* left by a killed process */
	to = openat(directory, FRESH, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0700);
	if (to < 0)
		return err_set_errno(e, errno, "create " FRESH);
	ok = copy_bytes(program, from, to, e);
	if (close(to) != 0 && ok)
		ok = err_set_errno(e, errno, "close");
	if (ok && renameat(directory, FRESH, directory, program) != 0)
		ok = err_set_errno(e, errno, "rename to %s", program);
	if (!ok)
		(void)unlinkat(directory, FRESH, 0);
	return ok;
}

static bool
install_one(const char *program, int directory, struct err *e)
{
	int from = open_source(program, 0, e);
	bool ok = from >= 0 && copy_into(program, directory, from, e);

	fd_close(from);
	return ok;
}

/* Installs a second name of the program, under which it acts as another helper. */
static bool
link_one(const char *name, const char *program, int directory, struct err *e)
{
	(void)unlinkat(directory, FRESH, 0);
	return (symlinkat(program, directory, FRESH) == 0 &&
		renameat(directory, FRESH, directory, name) == 0) ||
	       err_set_errno(e, errno, "link %s", name);
}

/* Whether the entry is a regular file or a link to one. */
static bool
is_file(int folder, const char *name)
{
	struct stat st;

	return fstatat(folder, name, &st, 0) == 0 && S_ISREG(st.st_mode);
}

static bool
copy_entry(int source, const char *name, int directory, struct err *e)
{
	int from = openat(source, name, O_RDONLY | O_CLOEXEC);
	bool ok = from >= 0 ? copy_into(name, directory, from, e)
			    : err_set_errno(e, errno, "open %s", name);

	fd_close(from);
	return ok;
}

static bool
copy_folder(DIR *source, int directory, struct err *e)
{
	const struct dirent *entry;
	bool ok = true;

	while (ok && (entry = readdir(source)) != NULL)
		if (is_file(dirfd(source), entry->d_name))
			ok = copy_entry(dirfd(source), entry->d_name, directory, e);
	return ok;
}

/* For images without a usable sshd: workspace-ssh looks for one in its own directory. */
static bool
install_sshd(int directory, struct err *e)
{
	int fd = open_source(SSHD_SOURCE, O_DIRECTORY, e);
	DIR *source = fd >= 0 ? fdopendir(fd) : NULL;
	int target;
	bool ok;

	if (source == NULL)
		return fd < 0 ? false : err_set_errno(e, errno, "open " SSHD_SOURCE);
	(void)mkdirat(directory, SSHD_TARGET, 0755);
	target = openat(directory, SSHD_TARGET, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	ok = target >= 0 && fchmod(target, 0755) == 0
		     ? copy_folder(source, target, e)
		     : err_set_errno(e, errno, "create " SSHD_TARGET);
	fd_close(target);
	(void)closedir(source);
	return ok;
}

static bool
install(const char *path, bool with_sshd, struct err *e)
{
	int directory = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	bool ok = true;

	if (directory < 0)
		return err_set_errno(e, errno, "%s", path);
	for (size_t i = 0; ok && i < sizeof(programs) / sizeof(programs[0]); i++)
		ok = install_one(programs[i], directory, e);
	ok = ok && link_one("docker-credential-workspace", programs[0], directory, e) &&
	     (!with_sshd || install_sshd(directory, e));
	close(directory);
	return ok;
}

int
command_install(int argc, char **argv)
{
	bool with_sshd = argc == 3 && strcmp(argv[1], "--sshd") == 0;
	struct err e = ERR_INIT;

	if (argc != 2 + with_sshd || argv[argc - 1][0] == '-') {
		(void)fputs("usage: workspace-proxy install [--sshd] DIR\n", stderr);
		return 2;
	}
	if (install(argv[argc - 1], with_sshd, &e))
		return 0;
	(void)fprintf(stderr, "workspace-proxy: install: %s\n", e.text);
	return 1;
}
