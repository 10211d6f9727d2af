/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which system calls a process needs for what. Older and newer forms of one call stand together,
 * because C libraries differ in which they use.
 */
#include "base/process/syscall_table.h"

#include "base/process/syscall_filter.h"

/* Descriptors, and files that are read; which files is up to Landlock. */
#define READING                                                                                    \
	"read readv pread64 preadv write writev pwrite64 pwritev splice close close_range lseek "  \
	"open openat openat2 stat fstat lstat newfstatat statx statfs fstatfs access faccessat "   \
	"faccessat2 readlink readlinkat getdents64 getcwd fcntl dup dup2 dup3 pipe pipe2 "         \
	"eventfd2 fadvise64 umask"
#define WAITING                                                                                    \
	"poll ppoll select pselect6 epoll_create1 epoll_ctl epoll_wait epoll_pwait epoll_pwait2 "  \
	"timerfd_create timerfd_settime nanosleep clock_nanosleep restart_syscall wait4 waitid"
/* Of sockets that there are. */
#define SOCKETS                                                                                    \
	"recvfrom recvmsg recvmmsg sendto sendmsg sendmmsg shutdown getsockname getpeername "      \
	"getsockopt setsockopt"
#define MEMORY                                                                                     \
	"brk munmap mremap madvise mincore mlock mlock2 munlock memfd_secret membarrier futex "    \
	"set_robust_list get_robust_list set_tid_address rseq arch_prctl sched_yield "             \
	"sched_getaffinity exit exit_group"
#define SIGNALS                                                                                    \
	"tgkill rt_sigaction rt_sigprocmask rt_sigreturn rt_sigpending rt_sigtimedwait "           \
	"sigaltstack"
#define QUESTIONS                                                                                  \
	"getpid gettid getppid getpgrp getuid geteuid getgid getegid getgroups getrandom "         \
	"getrusage getrlimit times time gettimeofday clock_gettime clock_getres sysinfo uname"
#define CHANGING                                                                                   \
	"mkdir mkdirat rmdir unlink unlinkat rename renameat renameat2 link linkat symlink "       \
	"symlinkat truncate ftruncate fallocate chmod fchmod fchmodat fchmodat2 chown fchown "     \
	"fchownat lchown utime utimes utimensat flock fsync fdatasync chdir fchdir "               \
	"copy_file_range sendfile"
/* A clone's worker, which starts under the sidecar's filter. */
#define RESTRICTING                                                                                \
	"seccomp landlock_create_ruleset landlock_add_rule landlock_restrict_self setpriority "    \
	"ioprio_set sched_setscheduler sched_getscheduler sched_getparam syncfs sync_file_range"

const struct syscall_list syscall_allowed[] = {
	{0, READING},
	{0, WAITING},
	{SYSCALL_CONNECT | SYSCALL_ACCEPT, SOCKETS},
	{0, MEMORY},
	{0, SIGNALS},
	{0, QUESTIONS},
	/* bind is for the netlink socket with which getaddrinfo asks for local addresses. */
	{SYSCALL_CONNECT, "connect bind socketpair"},
	{SYSCALL_ACCEPT, "accept accept4"},
	{SYSCALL_LISTEN, "listen"},
	{SYSCALL_WRITE, CHANGING},
	{SYSCALL_WATCH, "inotify_init1 inotify_add_watch inotify_rm_watch"},
	/* Process groups as well, for they are signalled as one. */
	{SYSCALL_PROGRAMS, "execve vfork kill pidfd_open setpgid"},
	{SYSCALL_RESTRICT, RESTRICTING},
};
const size_t syscall_allowed_count = sizeof(syscall_allowed) / sizeof(syscall_allowed[0]);

/* Other programs and processes; other users, namespaces and file systems; large parts of the kernel
 * that nothing here uses. */
const char syscall_fatal[] =
	"execve execveat fork vfork ptrace process_vm_readv process_vm_writev process_madvise "
	"pidfd_getfd kcmp setuid setgid setreuid setregid setresuid setresgid setfsuid setfsgid "
	"setgroups capset unshare setns chroot pivot_root mount umount2 move_mount open_tree "
	"mount_setattr fsopen fsconfig fsmount fspick name_to_handle_at open_by_handle_at swapon "
	"swapoff quotactl bpf perf_event_open userfaultfd io_uring_setup io_uring_enter "
	"io_uring_register add_key request_key keyctl fanotify_init init_module finit_module "
	"delete_module kexec_load kexec_file_load iopl ioperm modify_ldt personality reboot "
	"settimeofday clock_settime clock_adjtime adjtimex syslog acct vmsplice mbind "
	"migrate_pages move_pages memfd_create mknod mknodat pkey_mprotect";
