/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stand-ins for calls that change the file system, so that a test can have the process killed
 * before any one of them. A program that makes further ones adds theirs, by count_call.
 */
#ifndef TESTS_UNIT_CLONE_KILLED_CALLS_H
#define TESTS_UNIT_CLONE_KILLED_CALLS_H

#include <signal.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>

static unsigned calls_left; /* until SIGKILL; 0: never */

static void
count_call(void)
{
	if (calls_left > 0 && --calls_left == 0)
		(void)kill(getpid(), SIGKILL);
}

int
renameat2(int from_at, const char *from, int to_at, const char *to, unsigned flags)
{
	count_call();
	return (int)syscall(SYS_renameat2, from_at, from, to_at, to, flags);
}

int
renameat(int from_at, const char *from, int to_at, const char *to)
{
	return renameat2(from_at, from, to_at, to, 0);
}

int
unlinkat(int at, const char *name, int flags)
{
	count_call();
	return (int)syscall(SYS_unlinkat, at, name, flags);
}

/* Stops between the creation of a file, its content and its name. Nothing here has to survive a
 * power failure. */
int
fsync(int fd)
{
	(void)fd;
	count_call();
	return 0;
}

#endif
