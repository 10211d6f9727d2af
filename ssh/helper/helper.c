/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The command line of workspace-ssh, its private directory, and its start in the background.
 */
#include "ssh/helper/helper.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ssh/helper/helper_private.h"

enum { EXIT_DONE = 0, EXIT_FAILED = 1, EXIT_USAGE = 2 };

static int
print_usage(FILE *out, int code)
{
	(void)fputs("usage: workspace-ssh serve|start --socket PATH [--directory DIR] [--uid UID]\n"
		    "\n"
		    "Listens at PATH for the workspace's sidecar and starts sshd for each\n"
		    "connection, as the user that runs it. `start` goes into the background as\n"
		    "soon as it listens.\n"
		    "\n"
		    "  --socket PATH    the sidecar's SSH_SOCKET\n"
		    "  --directory DIR  for the host key; private, made if it is not there\n"
		    "                   (/tmp/workspace-ssh-<user id>)\n"
		    "  --uid UID        user id of the sidecar (that of this process)\n",
		    out);
	return code;
}

static int
report(const struct err *e)
{
	(void)fprintf(stderr, "workspace-ssh: %s\n", e->text);
	return EXIT_FAILED;
}

/* Others in the container could have made it. */
static bool
open_directory(const struct ssh_helper *h, struct err *e)
{
	struct stat st;

	if (mkdir(h->directory, 0700) != 0 && errno != EEXIST)
		return err_set_errno(e, errno, "%s", h->directory);
	if (lstat(h->directory, &st) != 0)
		return err_set_errno(e, errno, "%s", h->directory);
	if (!S_ISDIR(st.st_mode) || st.st_uid != geteuid() || (st.st_mode & 077) != 0)
		return err_set(e, ERR_CONFIG,
			       "%s: must be a directory of this user alone, with mode 0700",
			       h->directory);
	return true;
}

enum lock_result { LOCK_TAKEN, LOCK_HELD, LOCK_FAILED };

/* Held as long as the process lives. */
static enum lock_result
take_lock(const struct ssh_helper *h, struct err *e)
{
	char path[2 * HELPER_PATH_MAX];
	int fd;

	(void)snprintf(path, sizeof(path), "%s/lock", h->directory);
	fd = open(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0) {
		err_set_errno(e, errno, "%s", path);
		return LOCK_FAILED;
	}
	if (flock(fd, LOCK_EX | LOCK_NB) == 0)
		return LOCK_TAKEN;
	if (errno == EWOULDBLOCK) {
		close(fd);
		return LOCK_HELD;
	}
	err_set_errno(e, errno, "%s", path);
	close(fd);
	return LOCK_FAILED;
}

/* Without a directory, connections are told why there is no SSH: a failure could end the container
 * whose hook we are. */
static int
serve(struct ssh_helper *h, int ready_fd)
{
	struct err e = ERR_INIT;

	h->umask = umask(077);
	switch (open_directory(h, &e) ? take_lock(h, &e) : LOCK_FAILED) {
	case LOCK_FAILED:
		(void)snprintf(h->problem, sizeof(h->problem), "%.*s", (int)sizeof(h->problem) - 1,
			       e.text);
		break;
	case LOCK_HELD:
		helper_notify_ready(ready_fd);
		return EXIT_DONE;
	case LOCK_TAKEN:
		helper_sshd_prepare(h);
		break;
	}
	if (h->problem[0] != '\0')
		(void)fprintf(stderr, "workspace-ssh: %s\n", h->problem);
	return helper_serve(h, ready_fd, &e) ? EXIT_DONE : report(&e);
}

/* Closes the caller's descriptors, because the caller may wait for their end. */
static void
detach(void)
{
	int fd = open("/dev/null", O_RDWR | O_CLOEXEC);

	(void)setsid();
	for (int i = 0; fd >= 0 && i <= STDERR_FILENO; i++)
		(void)dup2(fd, i);
}

static int
start(struct ssh_helper *h)
{
	int ends[2];
	char byte;
	pid_t pid;

	if (pipe2(ends, O_CLOEXEC) != 0)
		return EXIT_FAILED;
	pid = fork();
	if (pid < 0)
		return EXIT_FAILED;
	if (pid == 0) {
		close(ends[0]);
		detach();
		_exit(serve(h, ends[1]));
	}
	close(ends[1]);
	if (read(ends[0], &byte, 1) == 1)
		return EXIT_DONE;
	(void)fprintf(stderr,
		      "workspace-ssh: not started; `workspace-ssh serve` with the same options "
		      "says why\n");
	return EXIT_FAILED;
}

static bool
read_options(struct ssh_helper *h, int argc, char **argv)
{
	for (int i = 0; i < argc; i += 2) {
		uint64_t uid;

		if (i + 1 == argc)
			return false;
		if (strcmp(argv[i], "--socket") == 0)
			h->socket_path = argv[i + 1];
		else if (strcmp(argv[i], "--directory") == 0)
			h->directory = argv[i + 1];
		else if (strcmp(argv[i], "--uid") == 0 &&
			 str_to_u64(str_from(argv[i + 1]), 0, UINT32_MAX - 1, &uid))
			h->allowed_uid = (uid_t)uid;
		else
			return false;
	}
	return h->socket_path != NULL && h->socket_path[0] == '/' && h->directory[0] == '/' &&
	       strlen(h->directory) < HELPER_PATH_MAX / 2;
}

int
ssh_helper_run(int argc, char **argv)
{
	static struct ssh_helper h;
	char directory[64];

	(void)snprintf(directory, sizeof(directory), "/tmp/workspace-ssh-%u", (unsigned)getuid());
	h = (struct ssh_helper){.directory = directory, .allowed_uid = geteuid()};
	if (argc == 2 && strcmp(argv[1], "--help") == 0)
		return print_usage(stdout, EXIT_DONE);
	if (argc < 2 || !read_options(&h, argc - 2, argv + 2))
		return print_usage(stderr, EXIT_USAGE);
	if (strcmp(argv[1], "serve") == 0)
		return serve(&h, -1);
	if (strcmp(argv[1], "start") == 0)
		return start(&h);
	return print_usage(stderr, EXIT_USAGE);
}
