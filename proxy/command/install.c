/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Copies each helper to a temporary file and renames it, so that it appears whole or not at all,
 * and replaces an older one even while that runs.
 */
#include "proxy/command/install.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/str.h"

#define FRESH	   ".workspace-proxy.new"
#define PATH_BYTES 4096
#define NAME_BYTES 64

static const char *const programs[] = {"git-credential-workspace", "workspace-ssh",
				       "workspace-run"};

/* Beside the program that runs. */
static int
open_source(const char *program, struct err *e)
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
	(void)snprintf(path + len, NAME_BYTES, "%s", program);
	fd = open(path, O_RDONLY | O_CLOEXEC);
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

	(void)unlinkat(directory, FRESH, 0); /* of a process that was killed */
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
	int from = open_source(program, e);
	bool ok = from >= 0 && copy_into(program, directory, from, e);

	if (from >= 0)
		close(from);
	return ok;
}

/* A second name, under which the program is another helper. */
static bool
link_one(const char *name, const char *program, int directory, struct err *e)
{
	(void)unlinkat(directory, FRESH, 0);
	return (symlinkat(program, directory, FRESH) == 0 &&
		renameat(directory, FRESH, directory, name) == 0) ||
	       err_set_errno(e, errno, "link %s", name);
}

static bool
install(const char *path, struct err *e)
{
	int directory = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	bool ok = true;

	if (directory < 0)
		return err_set_errno(e, errno, "%s", path);
	for (size_t i = 0; ok && i < sizeof(programs) / sizeof(programs[0]); i++)
		ok = install_one(programs[i], directory, e);
	ok = ok && link_one("docker-credential-workspace", programs[0], directory, e);
	close(directory);
	return ok;
}

int
install_run(int argc, char **argv)
{
	struct err e = ERR_INIT;

	if (argc != 2 || argv[1][0] == '-') {
		(void)fputs("usage: workspace-proxy install DIR\n", stderr);
		return 2;
	}
	if (install(argv[1], &e))
		return 0;
	(void)fprintf(stderr, "workspace-proxy: install: %s\n", e.text);
	return 1;
}
