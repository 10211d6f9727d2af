/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tries, in a process of its own under the filter of each role, every call that the filter knows
 * and does not allow, and that what is needed goes on.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <linux/ioctl.h>
#include <linux/sockios.h>
#include <netdb.h>
#include <pthread.h>
#include <seccomp.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "tests/unit/base/process/roles.h"

#define CALLS 470

/* The arguments would do no harm. */
static int
try_call(const void *number)
{
	errno = 0;
	(void)syscall(*(const int *)number, -1L, 0L, 0L, 0L, 0L, 0L);
	return errno;
}

static void
assert_fatal(const struct role *role, const char *name)
{
	int number = seccomp_syscall_resolve_name(name);

	if (number >= 0 && !is_killed(run(role, try_call, &number)))
		fail_msg("%s: %s does not end it", role->name, name);
}

#ifndef SANITIZED
static void
assert_refused(const struct role *role, const char *name)
{
	int number = seccomp_syscall_resolve_name(name);

	if (number < 0)
		return;
	int status = run(role, try_call, &number);
	if (!WIFEXITED(status) || WEXITSTATUS(status) != EPERM)
		fail_msg("%s: %s ends with status %x", role->name, name, (unsigned)status);
}

/* Calls that a role may not use, besides those that are fatal for all. */
static void
test_roles(void **state)
{
	static const struct {
		const char *name;
		unsigned groups; /* that allow it */
	} calls[] = {
		{"connect", SYSCALL_CONNECT},
		{"bind", SYSCALL_CONNECT},
		{"socketpair", SYSCALL_CONNECT},
		{"sendto", SYSCALL_CONNECT | SYSCALL_ACCEPT},
		{"sendmsg", SYSCALL_CONNECT | SYSCALL_ACCEPT},
		{"sendmmsg", SYSCALL_CONNECT | SYSCALL_ACCEPT},
		{"recvfrom", SYSCALL_CONNECT | SYSCALL_ACCEPT},
		{"recvmsg", SYSCALL_CONNECT | SYSCALL_ACCEPT},
		{"setsockopt", SYSCALL_CONNECT | SYSCALL_ACCEPT},
		{"accept", SYSCALL_ACCEPT},
		{"accept4", SYSCALL_ACCEPT},
		{"unlink", SYSCALL_WRITE},
		{"unlinkat", SYSCALL_WRITE},
		{"mkdir", SYSCALL_WRITE},
		{"rename", SYSCALL_WRITE},
		{"renameat2", SYSCALL_WRITE},
		{"link", SYSCALL_WRITE},
		{"symlink", SYSCALL_WRITE},
		{"truncate", SYSCALL_WRITE},
		{"ftruncate", SYSCALL_WRITE},
		{"chmod", SYSCALL_WRITE},
		{"fchmod", SYSCALL_WRITE},
		{"chown", SYSCALL_WRITE},
		{"fsync", SYSCALL_WRITE},
		{"chdir", SYSCALL_WRITE},
		{"kill", SYSCALL_PROGRAMS},
		{"setpgid", SYSCALL_PROGRAMS},
		{"pidfd_open", SYSCALL_PROGRAMS},
		{"seccomp", SYSCALL_RESTRICT},
		{"landlock_create_ruleset", SYSCALL_RESTRICT},
		{"setpriority", SYSCALL_RESTRICT},
		{"syncfs", SYSCALL_RESTRICT},
		{"listen", SYSCALL_LISTEN},
		{"setsid", 0},
		{"sethostname", 0},
		{"shmget", 0},
		{"mq_open", 0},
		{"tee", 0},
		{"pidfd_send_signal", 0},
		{"inotify_init1", SYSCALL_WATCH},
		{"timer_create", 0},
		{"setitimer", 0},
		{"tkill", 0},
		{"sched_setaffinity", 0},
		{"setrlimit", 0},
		{"getxattr", 0},
		{"setxattr", 0},
		{"mlockall", 0},
		{"rt_tgsigqueueinfo", 0},
		{"socketcall", 0},
	};

	(void)state;
	for (size_t i = 0; i < ROLES; i++)
		for (size_t j = 0; j < sizeof(calls) / sizeof(calls[0]); j++)
			if ((roles[i].groups & calls[j].groups) == 0)
				assert_refused(&roles[i], calls[j].name);
}

/* Only roles that start programs can start one. */
static void
test_programs(void **state)
{
	static const char *const starts[] = {"execve", "fork", "vfork"};

	(void)state;
	for (size_t i = 0; i < ROLES; i++) {
		bool may = (roles[i].groups & SYSCALL_PROGRAMS) != 0;

		for (size_t j = 0; j < 3; j++)
			if (!may || strcmp(starts[j], "fork") == 0)
				assert_fatal(&roles[i], starts[j]);
		assert_fatal(&roles[i], "execveat");
		assert_fatal(&roles[i], "ptrace");
	}
}
#endif

static void
test_fatal(void **state)
{
	static const char *const calls[] = {
		"process_vm_readv",
		"process_vm_writev",
		"pidfd_getfd",
		"setuid",
		"setresuid",
		"setresgid",
		"setgroups",
		"capset",
		"unshare",
		"setns",
		"chroot",
		"pivot_root",
		"mount",
		"umount2",
		"move_mount",
		"open_by_handle_at",
		"bpf",
		"perf_event_open",
		"userfaultfd",
		"io_uring_setup",
		"io_uring_enter",
		"add_key",
		"keyctl",
		"init_module",
		"finit_module",
		"kexec_load",
		"iopl",
		"modify_ldt",
		"clock_settime",
		"memfd_create",
		"mknodat",
		"pkey_mprotect",
		"process_madvise",
		"kcmp",
		"name_to_handle_at",
		"io_uring_register",
		"request_key",
		"vmsplice",
	};

	(void)state;
	for (size_t i = 0; i < ROLES; i++)
		for (size_t j = 0; j < sizeof(calls) / sizeof(calls[0]); j++)
			assert_fatal(&roles[i], calls[j]);
}

static void *
on_thread(void *arg)
{
	return arg;
}

static bool
has_socket(int family, int type, int protocol)
{
	int fd = socket(family, type | SOCK_CLOEXEC, protocol);

	if (fd >= 0)
		close(fd);
	return fd >= 0;
}

/* Bytes that the kernel queues for a slow receiver, which the detection of slow browsers needs. */
static bool
can_count_unsent(void)
{
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);
	int bytes;
	bool ok = ioctl(fd, TIOCOUTQ, &bytes) == 0 &&
		  (ioctl(fd, SIOCOUTQNSD, &bytes) == 0 || errno != EPERM);

	(void)close(fd);
	return ok;
}

/* Calls whose arguments are checked. Each step has a bit, so that the exit code tells which one
 * failed. */
static int
use_arguments(const void *arg)
{
	const struct role *role = arg;
	bool connects = (role->groups & SYSCALL_CONNECT) != 0;
	bool has_sockets = connects || (role->groups & SYSCALL_ACCEPT) != 0;
	void *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	const bool steps[] = {
		page != MAP_FAILED && mprotect(page, 4096, PROT_READ) == 0,
		mprotect(page, 4096, PROT_READ | PROT_EXEC) != 0 && errno == EPERM,
		mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS,
		     -1, 0) == MAP_FAILED,
		prctl(PR_SET_DUMPABLE, 0) == 0 && prctl(PR_SET_DUMPABLE, 1) != 0,
		prctl(PR_SET_PTRACER, 1) != 0 && prctl(PR_SET_SECUREBITS, 0) != 0,
		ioctl(0, TIOCSTI, "x") != 0 && errno == EPERM,
		!has_sockets || can_count_unsent(),
		has_socket(AF_UNIX, SOCK_DGRAM, 0) == has_sockets &&
			!has_socket(AF_PACKET, SOCK_RAW, 0) &&
			!has_socket(AF_INET, SOCK_RAW, IPPROTO_ICMP) &&
			!has_socket(AF_ALG, SOCK_SEQPACKET, 0) &&
			!has_socket(AF_VSOCK, SOCK_STREAM, 0),
		has_socket(AF_INET, SOCK_STREAM, 0) == connects &&
			has_socket(AF_INET6, SOCK_DGRAM, 0) == connects &&
			has_socket(AF_NETLINK, SOCK_RAW, 0) == connects,
	};
	int failed = 0;

	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++)
		failed |= steps[i] ? 0 : 1 << i;
	return failed;
}

static void
test_arguments(void **state)
{
	(void)state;
	for (size_t i = 0; i < ROLES; i++) {
		int status = run(&roles[i], use_arguments, &roles[i]);

		if (status != 0)
			fail_msg("%s: status %x", roles[i].name, (unsigned)status);
	}
}

/* Threads, names and files: what libraries use. */
static int
work(const void *arg)
{
	const struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_ADDRCONFIG};
	struct addrinfo *found = NULL;
	pthread_t thread;
	char byte;
	int fd = open("/proc/self/stat", O_RDONLY | O_CLOEXEC);

	(void)arg;
	if (pthread_create(&thread, NULL, on_thread, NULL) != 0 || pthread_join(thread, NULL) != 0)
		return 1;
	if (getaddrinfo("localhost", "443", &hints, &found) != 0)
		return 2;
	freeaddrinfo(found);
	if (fd < 0 || read(fd, &byte, 1) != 1)
		return 3;
	free(malloc((size_t)64 << 20));
	return syscall(470L) == -1 && errno == ENOSYS ? 0 : 4; /* a call of newer kernels */
}

static void
test_permitted_calls(void **state)
{
	(void)state;
	assert_int_equal(run(&roles[0], work, NULL), 0);
	assert_int_equal(run(&roles[4], work, NULL), 0);
}

static int
start_a_program(const void *arg)
{
	char name[] = "true";
	char *argv[] = {name, NULL};
	int status = -1;
	pid_t pid;

	(void)arg;
	if (posix_spawn(&pid, "/bin/true", NULL, NULL, argv, NULL) != 0)
		return 1;
	return waitpid(pid, &status, 0) == pid ? status : 2;
}

static void
test_sidecar_starts_its_worker(void **state)
{
	(void)state;
	assert_int_equal(run(&roles[1], start_a_program, NULL), 0);
}

/* The worker's filter is added to that of the sidecar. */
static int
restrict_more(const void *arg)
{
	struct err e = ERR_INIT;
	int number = SYS_execve;

	(void)arg;
	return syscall_filter_apply(roles[4].groups, &e) ? try_call(&number) : 1;
}

static void
test_worker_restricts_itself(void **state)
{
	(void)state;
#ifndef SANITIZED
	assert_true(is_killed(run(&roles[1], restrict_more, NULL)));
#else
	assert_true(WIFEXITED(run(&roles[1], restrict_more, NULL)));
#endif
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
#ifndef SANITIZED /* which need some of these */
		cmocka_unit_test(test_roles),
		cmocka_unit_test(test_programs),
#endif
		cmocka_unit_test(test_fatal),
		cmocka_unit_test(test_arguments),
		cmocka_unit_test(test_permitted_calls),
		cmocka_unit_test(test_sidecar_starts_its_worker),
		cmocka_unit_test(test_worker_restricts_itself),
	};

	int failed = cmocka_run_group_tests(tests, NULL, NULL);

	free_filters();
	return failed;
}
