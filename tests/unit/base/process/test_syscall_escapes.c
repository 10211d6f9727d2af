/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Ways around a filter: other calling conventions, flags that it can't see, memory that becomes
 * code, terminals, and descriptors that come from elsewhere.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <sched.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include "tests/unit/base/process/roles.h"

/* Each step has a bit, so that the exit code tells which one failed. */
static int
failed_steps(const bool *steps, size_t count)
{
	int failed = 0;

	for (size_t i = 0; i < count; i++)
		failed |= steps[i] ? 0 : 1 << i;
	return failed;
}

static void
assert_all_succeed(int (*fn)(const void *arg), const void *arg)
{
	for (size_t i = 0; i < ROLES; i++) {
		int status = run(&roles[i], fn, arg);

		if (status != 0)
			fail_msg("%s: status %x", roles[i].name, (unsigned)status);
	}
}

#ifdef __x86_64__
#define X32_BIT 0x40000000L

static int
call_x32(const void *arg)
{
	(void)arg;
	(void)syscall(X32_BIT | SYS_getpid);
	return 0;
}

/* i386's getpid: on kernels without such calls the process faults. */
static int
call_i386(const void *arg)
{
	long result = 20;

	(void)arg;
	__asm__ volatile("int $0x80" : "+a"(result) : : "memory", "r8", "r9", "r10", "r11");
	return 0;
}

static void
test_other_conventions(void **state)
{
	(void)state;
	for (size_t i = 0; i < ROLES; i++) {
		assert_true(is_killed(run(&roles[i], call_x32, NULL)));
		int status = run(&roles[i], call_i386, NULL);
		assert_true(is_killed(status) ||
			    (WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV));
	}
}
#endif

/* The raw call: libraries would start the child on a stack. */
static int
call_clone3(const void *arg)
{
	struct clone_args args = {.exit_signal = SIGCHLD};
	long child = syscall(SYS_clone3, &args, sizeof(args));

	(void)arg;
	if (child == 0)
		_exit(0);
	return child < 0 && errno == ENOSYS ? 0 : 1;
}

static void
test_clone3(void **state)
{
	(void)state;
	assert_all_succeed(call_clone3, NULL);
}

static int
call_clone(const void *flags)
{
	long child =
		syscall(SYS_clone, *(const unsigned long *)flags | SIGCHLD, NULL, NULL, NULL, 0);

	if (child == 0)
		_exit(0);
	return child < 0 && errno == EPERM ? 0 : 1;
}

static void
test_namespaces(void **state)
{
	static const unsigned long flags[] = {CLONE_NEWUSER, CLONE_NEWNS, CLONE_NEWPID,
					      CLONE_NEWNET, CLONE_NEWIPC, CLONE_NEWUTS,
					      CLONE_NEWCGROUP,
					      /* The kernel itself would return EINVAL. */
					      CLONE_THREAD | CLONE_NEWNET};

	(void)state;
	for (size_t j = 0; j < sizeof(flags) / sizeof(flags[0]); j++)
		assert_all_succeed(call_clone, &flags[j]);
}

#ifndef SANITIZED /* which need these */
static int
call_personality(const void *arg)
{
	(void)arg;
	(void)syscall(SYS_personality, 0x0400000L); /* READ_IMPLIES_EXEC */
	return 0;
}

static void
test_personality(void **state)
{
	(void)state;
	for (size_t i = 0; i < ROLES; i++)
		assert_true(is_killed(run(&roles[i], call_personality, NULL)));
}

static void
test_processes(void **state)
{
	static const unsigned long none = 0;

	(void)state;
	for (size_t i = 0; i < ROLES; i++)
		if ((roles[i].groups & (SYSCALL_PROGRAMS | SYSCALL_FORK)) == 0)
			assert_int_equal(run(&roles[i], call_clone, &none), 0);
}
#endif

static bool
is_refused(void *mapped)
{
	return mapped == MAP_FAILED && errno == EPERM;
}

/* Neither written memory, nor a writable file, nor mapping one over another gives executable
 * code. */
static int
make_code(const void *arg)
{
	const int both = PROT_WRITE | PROT_EXEC;
	int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	char *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	const bool steps[] = {
		page != MAP_FAILED,
		mprotect(page, 4096, PROT_EXEC) != 0 && errno == EPERM,
		mprotect(page, 4096, both) != 0 && errno == EPERM,
		is_refused(mmap(NULL, 4096, both, MAP_PRIVATE, fd, 0)),
		is_refused(mmap(page, 4096, both, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0)),
	};

	(void)arg;
	return failed_steps(steps, sizeof(steps) / sizeof(steps[0]));
}

static void
test_code(void **state)
{
	(void)state;
	assert_all_succeed(make_code, NULL);
}

/* The kernel ignores the upper half of a request, so it must not hide a forbidden one. */
static int
control_terminal(const void *arg)
{
	static const unsigned long requests[] = {
		TIOCSTI,  TIOCSTI | 1ul << 32, TIOCSETD,
		TIOCCONS, TIOCSCTTY,	       0x541cul /* TIOCLINUX */
	};

	(void)arg;
	for (size_t i = 0; i < sizeof(requests) / sizeof(requests[0]); i++)
		if (syscall(SYS_ioctl, 0, requests[i], "x") != -1 || errno != EPERM)
			return (int)i + 1;
	return 0;
}

static void
test_terminals(void **state)
{
	(void)state;
	assert_all_succeed(control_terminal, NULL);
}

static int pair[2];

static struct msghdr
message_with(struct iovec *piece, char *control, size_t size)
{
	return (struct msghdr){
		.msg_iov = piece, .msg_iovlen = 1, .msg_control = control, .msg_controllen = size};
}

static int
receive_descriptor(const void *arg)
{
	char control[CMSG_SPACE(sizeof(int))];
	char byte;
	struct iovec piece = {&byte, 1};
	struct msghdr message = message_with(&piece, control, sizeof(control));

	(void)arg;
	return recvmsg(pair[0], &message, MSG_DONTWAIT) < 0 && errno == EPERM ? 0 : 1;
}

/* Another process passes a socket: a process without sockets can't receive it. */
static void
test_descriptors_of_others(void **state)
{
	char control[CMSG_SPACE(sizeof(int))] = {0};
	char byte = 'x';
	struct iovec piece = {&byte, 1};
	struct msghdr message = message_with(&piece, control, sizeof(control));
	struct cmsghdr *header = CMSG_FIRSTHDR(&message);
	const int passed = STDERR_FILENO;

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	header->cmsg_level = SOL_SOCKET;
	header->cmsg_type = SCM_RIGHTS;
	header->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(header), &passed, sizeof(passed));
	assert_int_equal(sendmsg(pair[1], &message, 0), 1);
	assert_int_equal(run(&roles[ROLES - 1], receive_descriptor, NULL), 0);
	close(pair[0]);
	close(pair[1]);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
#ifdef __x86_64__
		cmocka_unit_test(test_other_conventions),
#endif
		cmocka_unit_test(test_clone3),
		cmocka_unit_test(test_namespaces),
#ifndef SANITIZED
		cmocka_unit_test(test_personality),
		cmocka_unit_test(test_processes),
#endif
		cmocka_unit_test(test_code),
		cmocka_unit_test(test_terminals),
		cmocka_unit_test(test_descriptors_of_others),
	};
	int failed = cmocka_run_group_tests(tests, NULL, NULL);

	free_filters();
	return failed;
}
