/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A seccomp filter that the process installs for itself: the system calls that it may use once it
 * has started.
 *
 * Calls that are not allowed fail with EPERM, so that a library which tries one goes on without
 * it; calls that are newer than the filter fail with ENOSYS, so that the C library uses older
 * ones. Calls that only an attacker would use (execve if the process starts no programs, ptrace,
 * mount, bpf, io_uring and others) end the process. Memory can't be made writable and executable.
 */
#ifndef BASE_PROCESS_SYSCALL_FILTER_H
#define BASE_PROCESS_SYSCALL_FILTER_H

#include "base/err.h"

/* What a process does besides reading files and using its open descriptors. Without the first two
 * it uses no sockets. */
enum syscall_group {
	SYSCALL_CONNECT = 1,  /* opens connections */
	SYSCALL_ACCEPT = 2,   /* accepts connections on listeners that it has; opens no listener */
	SYSCALL_WRITE = 4,    /* creates, changes and removes files */
	SYSCALL_PROGRAMS = 8, /* starts programs and sends them signals */
	/* Restricts itself further, lowers its priority, and syncs file systems. */
	SYSCALL_RESTRICT = 16,
	SYSCALL_WATCH = 32,  /* follows changes of files */
	SYSCALL_LISTEN = 64, /* opens a listener again whose file has disappeared */
	SYSCALL_FORK = 128,  /* forks, without starting programs; children have the same filter */
};

/* A filter that is built first and loaded later. */
struct syscall_filter;
struct syscall_filter *syscall_filter_new(unsigned groups, struct err *e) MUST_CHECK;
void syscall_filter_free(struct syscall_filter *f);

/* Applies to all threads and to programs started later, for good. Several filters apply together.
 * False: not supported or not permitted, and nothing changed. */
bool syscall_filter_load(struct syscall_filter *f, struct err *e) MUST_CHECK;

/* Builds and loads a filter. */
bool syscall_filter_apply(unsigned groups, struct err *e) MUST_CHECK;

#endif
