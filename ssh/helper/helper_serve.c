/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The listening process: accepts the sidecar's connections, starts a process for each, and removes
 * their keys. Creates the socket again if its file disappears.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/process/fd.h"
#include "ssh/helper/helper_private.h"

#define BACKLOG	   64
#define LOOK_MS	   1000 /* between two checks of children and of the socket's file */
#define KEY_AGE_MS ((HELPER_LOGIN_S + 5) * 1000u)

struct served {
	pid_t pid; /* 0: free */
	uint64_t started_ms;
	bool has_key;
};

struct server {
	struct ssh_helper *helper;
	int fd;
	dev_t device; /* of the socket's file */
	ino_t inode;
	struct served children[HELPER_CHILDREN];
};

static volatile sig_atomic_t is_stopped;

static void
on_stop(int signal_number)
{
	(void)signal_number;
	is_stopped = 1;
}

static void
on_child(int signal_number)
{
	(void)signal_number; /* interrupts poll */
}

/* A directory, which code in the container could put there, is moved out of the way. */
static void
clear_path(const char *path)
{
	char aside[HELPER_PATH_MAX];

	if (unlink(path) == 0 || errno != EISDIR)
		return;
	(void)snprintf(aside, sizeof(aside), "%s.%llu", path,
		       (unsigned long long)clock_monotonic_ms());
	(void)rename(path, aside);
}

/* The sidecar has another user id: the kernel tells who connects. */
static bool
open_socket(struct server *s, struct err *e)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	const char *path = s->helper->socket_path;
	struct stat st;

	if (strlen(path) >= sizeof(address.sun_path))
		return err_set(e, ERR_CONFIG, "--socket: at most %zu bytes",
			       sizeof(address.sun_path) - 1);
	memcpy(address.sun_path, path, strlen(path));
	s->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (s->fd < 0)
		return err_set_errno(e, errno, "socket");
	clear_path(path);
	if (bind(s->fd, (const struct sockaddr *)&address, sizeof(address)) != 0 ||
	    chmod(path, 0666) != 0 || listen(s->fd, BACKLOG) != 0 || lstat(path, &st) != 0)
		return err_set_errno(e, errno, "%s", path);
	s->device = st.st_dev;
	s->inode = st.st_ino;
	return true;
}

static void
check_socket(struct server *s)
{
	struct err e = ERR_INIT;
	struct stat st;

	if (s->fd >= 0 && lstat(s->helper->socket_path, &st) == 0 && st.st_dev == s->device &&
	    st.st_ino == s->inode)
		return;
	fd_close(s->fd);
	s->fd = -1;
	if (!open_socket(s, &e) && s->fd >= 0) {
		close(s->fd);
		s->fd = -1;
	}
}

static void
remove_key(const struct server *s, struct served *child)
{
	char path[HELPER_PATH_MAX];

	if (!child->has_key)
		return;
	helper_keys_path(s->helper, child->pid, path);
	(void)unlink(path);
	child->has_key = false;
}

static struct served *
find_child(struct server *s, pid_t pid)
{
	for (size_t i = 0; i < HELPER_CHILDREN; i++)
		if (s->children[i].pid == pid)
			return &s->children[i];
	return NULL;
}

static void
look_after_children(struct server *s)
{
	uint64_t now_ms = clock_monotonic_ms();
	pid_t pid;

	while ((pid = waitpid(-1, NULL, WNOHANG)) > 0) {
		struct served *child = find_child(s, pid);

		if (child == NULL)
			continue;
		remove_key(s, child);
		child->pid = 0;
	}
	for (size_t i = 0; i < HELPER_CHILDREN; i++)
		if (s->children[i].pid != 0 && now_ms - s->children[i].started_ms >= KEY_AGE_MS)
			remove_key(s, &s->children[i]);
}

static bool
is_allowed(const struct server *s, int fd)
{
	struct ucred who = {.uid = (uid_t)-1};
	socklen_t len = sizeof(who);

	/* Our own user could start sshd as well. */
	return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &len) == 0 &&
	       (who.uid == s->helper->allowed_uid || who.uid == geteuid());
}

static void
serve_connection(struct server *s, int fd)
{
	static const char full[] = "problem too many SSH connections in the workspace\n";
	bool may_connect = is_allowed(s, fd);
	struct served *child = may_connect ? find_child(s, 0) : NULL;
	pid_t pid = child != NULL ? fork() : -1;

	if (may_connect && pid < 0)
		(void)send(fd, full, sizeof(full) - 1, MSG_DONTWAIT);
	if (pid == 0) {
		close(s->fd);
		helper_connection_run(s->helper, fd);
	}
	close(fd);
	if (pid > 0)
		*child = (struct served){
			.pid = pid, .started_ms = clock_monotonic_ms(), .has_key = true};
}

static bool
set_signals(struct err *e)
{
	const struct sigaction stop = {.sa_handler = on_stop};
	const struct sigaction child = {.sa_handler = on_child};

	if (sigaction(SIGTERM, &stop, NULL) != 0 || sigaction(SIGINT, &stop, NULL) != 0 ||
	    sigaction(SIGCHLD, &child, NULL) != 0)
		return err_set_errno(e, errno, "sigaction");
	(void)signal(SIGPIPE, SIG_IGN);
	(void)signal(SIGHUP, SIG_IGN);
	return true;
}

static void
stop_all(struct server *s)
{
	for (size_t i = 0; i < HELPER_CHILDREN; i++) {
		if (s->children[i].pid == 0)
			continue;
		(void)kill(s->children[i].pid, SIGTERM);
		remove_key(s, &s->children[i]);
	}
	if (s->fd >= 0)
		(void)unlink(s->helper->socket_path);
}

void
helper_notify_ready(int ready_fd)
{
	if (ready_fd < 0)
		return;
	while (write(ready_fd, "", 1) < 0 && errno == EINTR) {
	}
	close(ready_fd);
}

bool
helper_serve(struct ssh_helper *h, int ready_fd, struct err *e)
{
	struct server s = {.helper = h, .fd = -1};

	if (!set_signals(e) || !open_socket(&s, e))
		return false;
	helper_notify_ready(ready_fd);
	while (!is_stopped) {
		struct pollfd wait = {.fd = s.fd, .events = POLLIN};
		int fd = -1;

		if (poll(&wait, 1, LOOK_MS) > 0)
			fd = accept4(s.fd, NULL, NULL, SOCK_CLOEXEC);
		if (fd >= 0)
			serve_connection(&s, fd);
		look_after_children(&s);
		check_socket(&s);
	}
	stop_all(&s);
	return true;
}
