/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Makes the filter with libseccomp: what the table allows, what depends on arguments, what is
 * fatal, and what is newer than libseccomp, whose names end with Linux 5.17. The rest is refused.
 *
 * A child does that, and sends the program through a pipe, because libseccomp takes half a megabyte
 * of small pieces for it, which would leave our heap full of holes.
 */
#include "base/process/syscall_filter.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/ioctl.h>
#include <linux/seccomp.h>
#include <linux/sockios.h>
#include <poll.h>
#include <sched.h>
#include <seccomp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/process/fd.h"
#include "base/process/syscall_table.h"
#include "base/str.h"

#define CALLS_MAX	 640   /* above the number of every call */
#define CHILD_TIMEOUT_MS 20000 /* for some milliseconds of work */
#define NEW_NAMESPACES                                                                             \
	((scmp_datum_t)CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC |               \
	 CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNET)
#define SOCKET_TYPE 0xfu /* without SOCK_CLOEXEC and SOCK_NONBLOCK */
#ifdef SANITIZED
#define IS_SANITIZED true
#else
#define IS_SANITIZED false
#endif

struct syscall_filter {
	size_t count;
	struct sock_filter items[BPF_MAXINSNS];
};

struct filter {
	scmp_filter_ctx ctx;
	unsigned groups;
	int error;		      /* the first one, as errno; 0: none */
	unsigned char has[CALLS_MAX]; /* calls that there is a rule for */
};

static void
note(struct filter *f, int result)
{
	if (result < 0 && f->error == 0)
		f->error = -result;
}

/* The call's number, or -1 where this architecture does not have it. */
static int
number_of(const char *name)
{
	int number = seccomp_syscall_resolve_name(name);

	return number >= 0 && number < CALLS_MAX ? number : -1;
}

/* A call that has a rule keeps it. */
static void
add_rule(struct filter *f, uint32_t action, const char *name)
{
	int number = number_of(name);

	if (number < 0 || f->has[number] != 0)
		return;
	f->has[number] = 1;
	note(f, seccomp_rule_add(f->ctx, action, number, 0));
}

static void
add_list(struct filter *f, uint32_t action, const char *names)
{
	struct str rest = str_from(names);
	struct str part;

	while (str_next(&rest, ' ', &part)) {
		char name[SYSCALL_NAME_MAX];

		(void)snprintf(name, sizeof(name), "%.*s", STR_FMT(part));
		add_rule(f, action, name);
	}
}

/* Several of these for one call: any of them allows it. Otherwise it fails, also where it would
 * be fatal. */
static void
allow_if(struct filter *f, const char *name, struct scmp_arg_cmp condition)
{
	int number = number_of(name);

	if (number < 0)
		return;
	f->has[number] = 1;
	note(f, seccomp_rule_add_array(f->ctx, SCMP_ACT_ALLOW, number, 1, &condition));
}

/* Threads always, other processes only for programs; never in namespaces of their own. */
static void
add_processes(struct filter *f)
{
	if ((f->groups & SYSCALL_PROGRAMS) != 0)
		allow_if(f, "clone", SCMP_A0(SCMP_CMP_MASKED_EQ, NEW_NAMESPACES, 0));
	else
		allow_if(f, "clone", SCMP_A0(SCMP_CMP_MASKED_EQ, CLONE_THREAD, CLONE_THREAD));
	allow_if(f, "prlimit64", SCMP_A0(SCMP_CMP_EQ, 0, 0));
}

/* Nothing may be written and then executed. */
static void
add_memory(struct filter *f)
{
	allow_if(f, "mmap", SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
	allow_if(f, "mmap", SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_WRITE, 0));
	allow_if(f, "mprotect", SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
}

/* The process may become less readable for others, not more. */
static void
add_prctl(struct filter *f)
{
	static const int options[] = {PR_SET_NAME,	PR_GET_NAME,	     PR_GET_DUMPABLE,
				      PR_SET_PDEATHSIG, PR_SET_NO_NEW_PRIVS, PR_GET_NO_NEW_PRIVS,
				      PR_SET_SECCOMP,	PR_SET_VMA,	     PR_CAPBSET_READ};
	const struct scmp_arg_cmp not_dumpable[] = {SCMP_A0(SCMP_CMP_EQ, PR_SET_DUMPABLE, 0),
						    SCMP_A1(SCMP_CMP_EQ, 0, 0)};

	for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++)
		allow_if(f, "prctl", SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)options[i], 0));
	note(f, seccomp_rule_add_array(f->ctx, SCMP_ACT_ALLOW, SCMP_SYS(prctl), 2, not_dumpable));
}

/* No terminal's input may be written (TIOCSTI). */
static void
add_ioctl(struct filter *f)
{
	static const unsigned requests[] = {
		FIONREAD,    FIONBIO,		FIOCLEX,  TCGETS,
		TIOCGWINSZ,  TIOCGPGRP,		TIOCOUTQ, /* also SIOCOUTQ */
		SIOCOUTQNSD, _IOW(0x94, 9, int) /* FICLONE */};

	for (size_t i = 0; i < sizeof(requests) / sizeof(requests[0]); i++)
		allow_if(f, "ioctl", SCMP_A1(SCMP_CMP_MASKED_EQ, UINT32_MAX, requests[i]));
}

/* Datagrams are for DNS, netlink for getaddrinfo. A service manager's socket is a unix one. */
static void
add_sockets(struct filter *f)
{
	static const int families[] = {AF_INET, AF_INET6};
	static const int types[] = {SOCK_STREAM, SOCK_DGRAM};

	if ((f->groups & (SYSCALL_CONNECT | SYSCALL_ACCEPT)) != 0)
		allow_if(f, "socket", SCMP_A0(SCMP_CMP_EQ, AF_UNIX, 0));
	if ((f->groups & SYSCALL_CONNECT) == 0)
		return;
	allow_if(f, "socket", SCMP_A0(SCMP_CMP_EQ, AF_NETLINK, 0));
	for (size_t i = 0; i < sizeof(families) / sizeof(families[0]); i++)
		for (size_t j = 0; j < sizeof(types) / sizeof(types[0]); j++) {
			const struct scmp_arg_cmp conditions[] = {
				SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)families[i], 0),
				SCMP_A1(SCMP_CMP_MASKED_EQ, SOCKET_TYPE, (scmp_datum_t)types[j])};

			note(f, seccomp_rule_add_array(f->ctx, SCMP_ACT_ALLOW, SCMP_SYS(socket), 2,
						       conditions));
		}
}

/* Leak checkers stop the process from a tracer that shares its memory, and name functions with a
 * program. */
static void
add_sanitizers(struct filter *f)
{
	add_list(f, SCMP_ACT_ALLOW,
		 "ptrace execve fork vfork kill personality getpgid socketpair getdents");
	allow_if(f, "clone", SCMP_A0(SCMP_CMP_MASKED_EQ, NEW_NAMESPACES, 0));
}

static void
add_allowed(struct filter *f)
{
	for (size_t i = 0; i < syscall_allowed_count; i++)
		if (syscall_allowed[i].groups == 0 || (syscall_allowed[i].groups & f->groups) != 0)
			add_list(f, SCMP_ACT_ALLOW, syscall_allowed[i].names);
	add_processes(f);
	add_memory(f);
	add_prctl(f);
	add_ioctl(f);
	add_sockets(f);
	if (IS_SANITIZED)
		add_sanitizers(f);
	add_list(f, SCMP_ACT_KILL_PROCESS, syscall_fatal);
}

static bool
is_known(int number)
{
	char *name = seccomp_syscall_resolve_num_arch(SCMP_ARCH_NATIVE, number);

	free(name);
	return name != NULL;
}

/* The C library then uses older calls. clone3 has its flags in memory, where a filter can't see
 * them. */
static void
add_newer(struct filter *f)
{
	int clone3 = number_of("clone3");

	for (int number = 0; number < CALLS_MAX; number++)
		if (number == clone3 || !is_known(number))
			note(f, seccomp_rule_add(f->ctx, SCMP_ACT_ERRNO(ENOSYS), number, 0));
}

static void
set_up(struct filter *f)
{
	note(f, seccomp_attr_set(f->ctx, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS));
	note(f, seccomp_attr_set(f->ctx, SCMP_FLTATR_CTL_OPTIMIZE, 2));
	add_allowed(f);
	add_newer(f);
}

/* In the child: an errno and, if that is 0, the program. */
static void
write_program(unsigned groups, int fd)
{
	struct filter f = {.groups = groups, .ctx = seccomp_init(SCMP_ACT_ERRNO(EPERM))};

	if (f.ctx == NULL)
		f.error = ENOMEM;
	else
		set_up(&f);
	if (fd_write_all(fd, (struct str){(const char *)&f.error, sizeof(f.error)}) && f.error == 0)
		(void)seccomp_export_bpf(f.ctx, fd);
	_exit(0);
}

/* As read; -1 with ETIMEDOUT when the child is stuck. */
static ssize_t
read_in_time(int fd, void *out, size_t size)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};
	int ready = poll(&p, 1, CHILD_TIMEOUT_MS);

	if (ready == 0)
		errno = ETIMEDOUT;
	return ready <= 0 ? -1 : read(fd, out, size);
}

/* Up to the end of file. The number of bytes; -1: failed, or there are more. */
static ssize_t
read_all(int fd, void *out, size_t size)
{
	size_t len = 0;
	ssize_t n;

	while ((n = read_in_time(fd, (char *)out + len, size - len)) != 0) {
		if (n < 0 && errno != EINTR)
			return -1;
		len += n < 0 ? 0 : (size_t)n;
	}
	return len < size ? (ssize_t)len : -1;
}

static bool
read_program(struct syscall_filter *f, int fd, struct err *e)
{
	int error = 0;
	ssize_t len = -1;
	ssize_t n;

	while ((n = read_in_time(fd, &error, sizeof(error))) < 0 && errno == EINTR)
		continue;
	if (n == sizeof(error) && error == 0)
		len = read_all(fd, f->items, sizeof(f->items));
	if (error != 0)
		return err_set_errno(e, error, "seccomp: make the filter");
	f->count = len <= 0 ? 0 : (size_t)len / sizeof(f->items[0]);
	return f->count > 0 || err_set(e, ERR_SYSTEM, "seccomp: the filter was not made");
}

static bool
make_program(struct syscall_filter *f, unsigned groups, struct err *e)
{
	int ends[2];
	pid_t child;
	bool ok;

	f->count = 0;
	if (pipe2(ends, O_CLOEXEC) < 0)
		return err_set_errno(e, errno, "seccomp: pipe");
	child = fork();
	if (child == 0)
		write_program(groups, ends[1]);
	ok = child > 0 || err_set_errno(e, errno, "seccomp: fork");
	close(ends[1]);
	ok = ok && read_program(f, ends[0], e);
	close(ends[0]);
	if (child > 0 && !ok)
		(void)kill(child, SIGKILL);
	while (child > 0 && waitpid(child, NULL, 0) < 0 && errno == EINTR)
		continue;
	return ok;
}

struct syscall_filter *
syscall_filter_new(unsigned groups, struct err *e)
{
	struct syscall_filter *f = malloc(sizeof(*f));
	size_t bytes = sizeof(*f) - sizeof(f->items);
	struct syscall_filter *smaller;

	if (f == NULL || !make_program(f, groups, e)) {
		if (f == NULL)
			(void)err_set(e, ERR_MEMORY, "seccomp: no memory");
		free(f);
		return NULL;
	}
	smaller = realloc(f, bytes + f->count * sizeof(f->items[0]));
	if (smaller != NULL)
		return smaller;
	return f;
}

void
syscall_filter_free(struct syscall_filter *f)
{
	free(f);
}

bool
syscall_filter_load(struct syscall_filter *f, struct err *e)
{
	struct sock_fprog program = {.len = (unsigned short)f->count, .filter = f->items};
	long result;

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return err_set_errno(e, errno, "seccomp: no_new_privs");
	result = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC, &program);
	if (result > 0)
		return err_set(e, ERR_SYSTEM, "seccomp: thread %ld has another filter", result);
	return result == 0 || err_set_errno(e, errno, "seccomp");
}

bool
syscall_filter_apply(unsigned groups, struct err *e)
{
	struct syscall_filter *f = syscall_filter_new(groups, e);
	bool ok = f != NULL && syscall_filter_load(f, e);

	syscall_filter_free(f);
	return ok;
}
