/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sshd and ssh-keygen: those of the image, or those that `workspace-proxy install --sshd` puts
 * beside this program. The latter are started with their own dynamic loader and find libraries
 * only there, so that they run in images with any C library.
 */
#include <errno.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ssh/helper/helper_private.h"

#define SHIPPED_FOLDER "sshd" /* beside this program; with programs, loader and libraries */
#define LOADER	       "ld.so"

void
helper_command_add(struct helper_command *c, const char *word)
{
	if (c->count + 1 >= HELPER_WORDS_MAX) {
		c->is_ok = false;
		return;
	}
	c->words[c->count] = strdup(word);
	c->is_ok = c->is_ok && c->words[c->count] != NULL;
	c->count++;
}

void
helper_command_free(struct helper_command *c)
{
	for (size_t i = 0; i < c->count; i++)
		free(c->words[i]);
	c->count = 0;
}

void
helper_command_begin(struct helper_command *c, const struct helper_program *p)
{
	char folder[HELPER_PATH_MAX];
	char loader[HELPER_PATH_MAX + sizeof(LOADER)];

	*c = (struct helper_command){.is_ok = true};
	if (p->is_shipped) {
		(void)snprintf(folder, sizeof(folder), "%s", p->path);
		folder[strlen(folder) - strlen(strrchr(folder, '/'))] = '\0';
		(void)snprintf(loader, sizeof(loader), "%s/" LOADER, folder);
		helper_command_add(c, loader);
		helper_command_add(c, "--inhibit-cache");
		helper_command_add(c, "--library-path");
		helper_command_add(c, folder);
	}
	helper_command_add(c, p->path);
}

bool
helper_command_run(struct helper_command *c, int output_fd)
{
	int status = -1;
	pid_t pid = c->is_ok ? fork() : -1;

	if (pid == 0) {
		(void)alarm(HELPER_RUN_S);
		if (output_fd >= 0) {
			(void)dup2(output_fd, STDOUT_FILENO);
			(void)dup2(output_fd, STDERR_FILENO);
		}
		execv(c->words[0], c->words);
		_exit(127);
	}
	while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR) {
	}
	return pid > 0 && status == 0;
}

bool
helper_program_of_image(struct helper_program *p, const char *path)
{
	int len = snprintf(p->path, sizeof(p->path), "%s", path);

	p->is_shipped = false;
	return len > 0 && (size_t)len < sizeof(p->path) && access(path, X_OK) == 0;
}

bool
helper_program_shipped(struct helper_program *p, const char *name)
{
	char self[HELPER_PATH_MAX / 2];
	ssize_t len = readlink("/proc/self/exe", self, sizeof(self) - 1);

	if (len <= 0 || (size_t)len == sizeof(self) - 1)
		return false;
	self[len] = '\0';
	(void)snprintf(p->path, sizeof(p->path), "%s/" SHIPPED_FOLDER "/%s", dirname(self), name);
	p->is_shipped = true;
	return access(p->path, R_OK) == 0;
}
