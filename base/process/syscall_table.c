/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The system calls that each purpose needs. Older and newer forms of a call are listed together,
 * because C libraries differ in which they use.
 */
#include "base/process/syscall_table.h"

#include <linux/ioctl.h>
#include <linux/sockios.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>

#include "base/process/syscall_filter.h"

/* Using descriptors, and reading files; Landlock restricts which ones. */
#define READING                                                                                    \
	"read readv pread64 preadv write writev pwrite64 pwritev splice close close_range lseek "  \
	"open openat openat2 stat fstat lstat newfstatat statx statfs fstatfs access faccessat "   \
	"faccessat2 readlink readlinkat getdents64 getcwd fcntl dup dup2 dup3 pipe pipe2 "         \
	"eventfd2 fadvise64 umask"
#define WAITING                                                                                    \
	"poll ppoll select pselect6 epoll_create1 epoll_ctl epoll_wait epoll_pwait epoll_pwait2 "  \
	"timerfd_create timerfd_settime nanosleep clock_nanosleep restart_syscall wait4 waitid"
/* Using sockets that are already open. */
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
/* For the clone worker, which starts under the sidecar's filter. */
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
	/* getaddrinfo binds a netlink socket to read the local addresses. */
	{SYSCALL_CONNECT, "connect bind socketpair"},
	{SYSCALL_ACCEPT, "accept accept4"},
	{SYSCALL_LISTEN, "listen"},
	{SYSCALL_WRITE, CHANGING},
	{SYSCALL_WATCH, "inotify_init1 inotify_add_watch inotify_rm_watch"},
	/* setpgid: programs are signalled as a group. */
	{SYSCALL_PROGRAMS, "execve vfork kill pidfd_open setpgid"},
	{SYSCALL_RESTRICT, RESTRICTING},
#ifdef SANITIZED
	/* Leak checkers stop the process from a tracer that shares its memory, and start a program
	 * to find function names. */
	{0, "ptrace execve fork vfork kill personality getpgid socketpair getdents"},
#endif
};
const size_t syscall_allowed_count = sizeof(syscall_allowed) / sizeof(syscall_allowed[0]);

#define NEW_NAMESPACES                                                                             \
	((uint64_t)CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER |   \
	 CLONE_NEWPID | CLONE_NEWNET)
#define ALL_BITS    UINT64_MAX
#define SOCKET_TYPE 0xfu /* without SOCK_CLOEXEC and SOCK_NONBLOCK */

/* The index of a condition is that of the argument. */
const struct syscall_rule syscall_rules[] = {
	/* Threads always; processes for roles that fork; never new namespaces. */
	{0, "clone", {[0] = {CLONE_THREAD | NEW_NAMESPACES, CLONE_THREAD}}},
	{SYSCALL_PROGRAMS | SYSCALL_FORK, "clone", {[0] = {NEW_NAMESPACES, 0}}},
#ifdef SANITIZED
	{0, "clone", {[0] = {NEW_NAMESPACES, 0}}},
#endif
	{0, "prlimit64", {[0] = {ALL_BITS, 0}}},
	/* Memory is never writable and executable. */
	{0, "mmap", {[2] = {PROT_EXEC, 0}}},
	{0, "mmap", {[2] = {PROT_WRITE, 0}}},
	{0, "mprotect", {[2] = {PROT_EXEC, 0}}},
	/* The process may make itself less readable for others, but not more. */
	{0, "prctl", {[0] = {ALL_BITS, PR_SET_DUMPABLE}, [1] = {ALL_BITS, 0}}},
	{0, "prctl", {[0] = {ALL_BITS, PR_SET_NAME}}},
	{0, "prctl", {[0] = {ALL_BITS, PR_GET_NAME}}},
	{0, "prctl", {[0] = {ALL_BITS, PR_GET_DUMPABLE}}},
	{0, "prctl", {[0] = {ALL_BITS, PR_SET_PDEATHSIG}}},
	{0, "prctl", {[0] = {ALL_BITS, PR_SET_NO_NEW_PRIVS}}},
	{0, "prctl", {[0] = {ALL_BITS, PR_GET_NO_NEW_PRIVS}}},
	{0, "prctl", {[0] = {ALL_BITS, PR_SET_SECCOMP}}},
	{0, "prctl", {[0] = {ALL_BITS, PR_SET_VMA}}},
	{0, "prctl", {[0] = {ALL_BITS, PR_CAPBSET_READ}}},
	/* Writing to a terminal's input (TIOCSTI) is not allowed. TIOCOUTQ is the same number as
	 * SIOCOUTQ; the last one is FICLONE. The kernel reads 32 bits of a request. */
	{0, "ioctl", {[1] = {UINT32_MAX, FIONREAD}}},
	{0, "ioctl", {[1] = {UINT32_MAX, FIONBIO}}},
	{0, "ioctl", {[1] = {UINT32_MAX, FIOCLEX}}},
	{0, "ioctl", {[1] = {UINT32_MAX, TCGETS}}},
	{0, "ioctl", {[1] = {UINT32_MAX, TIOCGWINSZ}}},
	{0, "ioctl", {[1] = {UINT32_MAX, TIOCGPGRP}}},
	{0, "ioctl", {[1] = {UINT32_MAX, TIOCOUTQ}}},
	{0, "ioctl", {[1] = {UINT32_MAX, SIOCOUTQNSD}}},
	{0, "ioctl", {[1] = {UINT32_MAX, _IOW(0x94, 9, int)}}},
	/* Datagrams are for DNS, netlink is for getaddrinfo, unix sockets are for the service
	 * manager. */
	{SYSCALL_CONNECT | SYSCALL_ACCEPT, "socket", {[0] = {ALL_BITS, AF_UNIX}}},
	{SYSCALL_CONNECT, "socket", {[0] = {ALL_BITS, AF_NETLINK}}},
	{SYSCALL_CONNECT, "socket", {[0] = {ALL_BITS, AF_INET}, [1] = {SOCKET_TYPE, SOCK_STREAM}}},
	{SYSCALL_CONNECT, "socket", {[0] = {ALL_BITS, AF_INET}, [1] = {SOCKET_TYPE, SOCK_DGRAM}}},
	{SYSCALL_CONNECT, "socket", {[0] = {ALL_BITS, AF_INET6}, [1] = {SOCKET_TYPE, SOCK_STREAM}}},
	{SYSCALL_CONNECT, "socket", {[0] = {ALL_BITS, AF_INET6}, [1] = {SOCKET_TYPE, SOCK_DGRAM}}},
};
const size_t syscall_rules_count = sizeof(syscall_rules) / sizeof(syscall_rules[0]);

/* Calls that affect other programs, processes, users, namespaces or file systems, and kernel
 * features that are not used here. */
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
