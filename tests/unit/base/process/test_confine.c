/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a process may still do to files after confine_process, and what not. Each case runs in a
 * process of its own, since nothing undoes it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/fs.h>
#include <linux/landlock.h>
#include <netinet/in.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/process/confine.h"
#include "tests/unit/remove_tree.h"

#define CANT 77 /* the kernel has none of it */

static char root[64];

static int
setup(void **state)
{
	(void)state;
	snprintf(root, sizeof(root), "/tmp/test-confine-XXXXXX");
	if (mkdtemp(root) == NULL || chdir(root) < 0 || mkdir("inside", 0700) < 0 ||
	    mkdir("inside/folder", 0700) < 0 || mkdir("outside", 0700) < 0 ||
	    mkdir("outside/folder", 0700) < 0 || symlink("../outside", "inside/link") < 0)
		return -1;
	return close(creat("outside/file", 0600)) + close(creat("inside/file", 0600));
}

static int
teardown(void **state)
{
	(void)state;
	return chdir("/") < 0 || remove_tree(root) != 0;
}

static bool
can_write(const char *path, int flags)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC | flags, 0600);

	if (fd >= 0)
		close(fd);
	return fd >= 0;
}

/* Each step has a bit, so that the exit code tells which one failed. */
static int
change_inside(void)
{
	const bool steps[] = {
		can_write("inside/new", O_CREAT | O_EXCL),
		can_write("inside/file", O_TRUNC),
		can_write("inside", O_TMPFILE),
		rename("inside/file", "inside/folder/file") == 0,
		mkdir("inside/folder/deep", 0700) == 0 && rmdir("inside/folder/deep") == 0,
		symlink("x", "inside/folder/symlink") == 0 && unlink("inside/folder/symlink") == 0,
		can_write("/dev/null", 0),
	};
	int failed = 0;

	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++)
		failed |= steps[i] ? 0 : 1 << i;
	return failed;
}

static int
change_outside(void)
{
	const bool steps[] = {
		can_write("inside/link/new", O_CREAT | O_EXCL),
		can_write("inside/link/file", 0),
		truncate("inside/link/file", 1) == 0,
		unlink("inside/link/file") == 0,
		rmdir("inside/link/folder") == 0 || mkdir("inside/link/made", 0700) == 0,
		rename("inside/file", "inside/link/moved") == 0,
		link("inside/file", "inside/link/linked") == 0,
	};
	int done = 0;

	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++)
		done |= steps[i] ? 1 << i : 0;
	return done;
}

static void
run_with(const struct confine_rules *rules, unsigned restricted, int (*change)(void))
{
	pid_t pid = fork();
	int status = -1;

	assert_true(pid >= 0);
	if (pid == 0) {
		struct err e = ERR_INIT;

		_exit(confine_process(rules, restricted, &e) ? change() : CANT);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	if (WEXITSTATUS(status) == CANT)
		skip();
	assert_int_equal(WEXITSTATUS(status), 0);
}

static void
run_confined(int (*change)(void))
{
	struct confine_rules rules = {.count = 0};

	confine_add(&rules, "inside", CONFINE_WRITE);
	confine_add(&rules, "not-there", CONFINE_WRITE);
	confine_add(&rules, "/dev/null", CONFINE_WRITE);
	confine_add(&rules, NULL, CONFINE_WRITE);
	run_with(&rules, CONFINE_WRITE, change);
}

static void
test_access_within_the_rules(void **state)
{
	(void)state;
	run_confined(change_inside);
}

static void
test_links_to_outside_are_not_changed(void **state)
{
	struct stat st;

	(void)state;
	run_confined(change_outside);
	assert_int_equal(stat("outside/file", &st), 0);
	assert_int_equal(st.st_size, 0);
}

/* Other processes that change the directory are not affected. */
static void
test_refused_paths_change_nothing(void **state)
{
	struct confine_rules rules = {.count = 0};
	struct err e = ERR_INIT;

	(void)state;
	confine_add(&rules, "inside/file/below", CONFINE_WRITE);
	assert_false(confine_process(&rules, CONFINE_WRITE, &e));
	assert_int_equal(e.code, ERR_SYSTEM);
	assert_true(can_write("outside/file", 0));
}

static bool
can_read(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	char byte;
	bool ok = fd >= 0 && (read(fd, &byte, 1) >= 0 || errno == EISDIR);

	if (fd >= 0)
		close(fd);
	return ok;
}

/* Permission to remove is none to write, and permission to write is none to read. */
static int
read_outside(void)
{
	const bool steps[] = {
		can_read("inside/file") && can_read("inside") && !can_write("inside/file", 0),
		!can_read("outside/file") && !can_read("outside") && !can_read("inside/link/file"),
		!can_read("/etc/passwd") && !can_read("/proc/1/environ"),
		unlink("outside/file") == 0 && !can_write("outside/file", O_CREAT),
		rename("inside/file", "outside/file") != 0 && unlink("inside/file") != 0,
		!can_write("/dev/null", 0),
	};
	int failed = 0;

	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++)
		failed |= steps[i] ? 0 : 1 << i;
	return failed;
}

static void
test_reading(void **state)
{
	struct confine_rules rules = {.count = 0};

	(void)state;
	confine_add(&rules, "inside", CONFINE_READ);
	confine_add(&rules, "outside", CONFINE_REMOVE);
	run_with(&rules, CONFINE_READ | CONFINE_WRITE | CONFINE_REMOVE, read_outside);
}

static int
run_program(const char *path)
{
	char name[32];
	char *const arguments[] = {name, NULL};
	int status = -1;
	pid_t pid;

	(void)snprintf(name, sizeof(name), "%s", path);
	int code = posix_spawn(&pid, path, NULL, NULL, arguments, environ);
	if (code != 0)
		return code == EACCES ? 9 : 8;
	(void)waitpid(pid, &status, 0);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static int
run_programs(void)
{
	return (run_program("/bin/true") == 9 ? 0 : 1) | (run_program("/bin/sh") == 9 ? 0 : 2);
}

static void
test_no_programs(void **state)
{
	struct confine_rules rules = {.count = 0};

	(void)state;
	run_with(&rules, CONFINE_RUN, run_programs);
}

/* TCP: no other port can be bound (on kernels that support it); listening sockets still work. */
static int
listen_anew(void)
{
	const struct sockaddr_in any = {.sin_family = AF_INET,
					.sin_addr = {.s_addr = htonl(INADDR_LOOPBACK)}};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int unrestricted = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	long version = syscall(SYS_landlock_create_ruleset, NULL, 0, 1u);

	if (bind(unrestricted, (const struct sockaddr *)&any, sizeof(any)) != 0)
		return 1;
	bool is_bound = bind(fd, (const struct sockaddr *)&any, sizeof(any)) == 0;
	return is_bound && version >= 4 ? 2 : 0;
}

static void
test_no_listeners(void **state)
{
	struct confine_rules rules = {.count = 0};

	(void)state;
	run_with(&rules, CONFINE_LISTEN, listen_anew);
}

/* The parent is outside the sandbox. */
static int
signal_others(void)
{
	long version = syscall(SYS_landlock_create_ruleset, NULL, 0, 1u);

	return kill(getppid(), 0) == 0 && version >= 6 ? 1 : kill(getpid(), 0);
}

static void
test_no_signals(void **state)
{
	struct confine_rules rules = {.count = 0};

	(void)state;
	run_with(&rules, CONFINE_SIGNAL, signal_others);
}

static int
connect_abstract(const void *name, socklen_t len)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int result = connect(fd, name, len) == 0 ? 0 : errno;

	close(fd);
	return result;
}

static struct sockaddr_un abstract = {.sun_family = AF_UNIX, .sun_path = "\0test-confine"};

static int
reach_others(void)
{
	long version = syscall(SYS_landlock_create_ruleset, NULL, 0, 1u);
	int result = connect_abstract(&abstract, sizeof(abstract));

	return result == (version >= 6 ? EPERM : 0) ? 0 : 1;
}

static void
test_no_abstract_sockets_of_others(void **state)
{
	struct confine_rules rules = {.count = 0};
	int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	(void)state;
	(void)snprintf(abstract.sun_path + 1, sizeof(abstract.sun_path) - 1, "test-confine-%d",
		       (int)getpid());
	assert_int_equal(bind(listener, (const struct sockaddr *)&abstract, sizeof(abstract)), 0);
	assert_int_equal(listen(listener, 8), 0);
	assert_int_equal(connect_abstract(&abstract, sizeof(abstract)), 0);
	run_with(&rules, CONFINE_ABSTRACT, reach_others);
	close(listener);
}

/* Devices opened from here on. BLKGETSIZE is an ioctl that /dev/null does not know. */
static int
control_devices(void)
{
	long version = syscall(SYS_landlock_create_ruleset, NULL, 0, 1u);
	int fd = open("/dev/null", O_WRONLY | O_CLOEXEC);
	unsigned long size;
	int result = ioctl(fd, BLKGETSIZE, &size) == 0 ? 0 : errno;

	close(fd);
	return result == (version >= 5 ? EACCES : ENOTTY) ? 0 : 1;
}

static void
test_no_control_of_devices(void **state)
{
	(void)state;
	run_confined(control_devices);
}

/* Profilers see the memory maps of all processes. Root may still trace others. */
static void
stop_being_a_profiler(void)
{
	struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct sets[2];

	(void)syscall(SYS_capget, &head, sets);
	sets[0].effective &= ~(1u << CAP_SYS_ADMIN);
	sets[1].effective &= ~(1u << (CAP_PERFMON - 32));
	(void)syscall(SYS_capset, &head, sets);
}

/* What the kernel shows of a process to those that may trace it: no longer to us, of others. */
static int
look_at_parent(void)
{
	static const char *const names[] = {"environ", "mem", "maps", "fd", "syscall"};
	char path[64];
	int failed = 0;

	stop_being_a_profiler();
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		(void)snprintf(path, sizeof(path), "/proc/%d/%s", (int)getppid(), names[i]);
		int fd = open(path, O_RDONLY | O_CLOEXEC);
		char byte;

		failed |= fd >= 0 && read(fd, &byte, 1) == 1 ? 1 << i : 0;
	}
	return failed | (can_read("/proc/self/environ") ? 0 : 1 << 6);
}

static void
test_no_access_to_other_processes(void **state)
{
	struct confine_rules rules = {.count = 0};

	(void)state;
	confine_add(&rules, "/proc", CONFINE_READ);
	run_with(&rules, CONFINE_READ | CONFINE_WRITE, look_at_parent);
}

/* Read-only memory could be written in this way. */
static int
write_own_memory(void)
{
	return can_write("/proc/self/mem", 0) ? 1 : 0;
}

static void
test_own_memory_is_not_accessible_as_a_file(void **state)
{
	struct confine_rules rules = {.count = 0};

	(void)state;
	confine_add(&rules, "/proc", CONFINE_READ);
	run_with(&rules, CONFINE_READ | CONFINE_WRITE, write_own_memory);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_access_within_the_rules, setup, teardown),
		cmocka_unit_test_setup_teardown(test_links_to_outside_are_not_changed, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_refused_paths_change_nothing, setup, teardown),
		cmocka_unit_test_setup_teardown(test_reading, setup, teardown),
		cmocka_unit_test(test_no_programs),
		cmocka_unit_test(test_no_listeners),
		cmocka_unit_test(test_no_signals),
		cmocka_unit_test(test_no_abstract_sockets_of_others),
		cmocka_unit_test_setup_teardown(test_no_control_of_devices, setup, teardown),
		cmocka_unit_test(test_no_access_to_other_processes),
		cmocka_unit_test(test_own_memory_is_not_accessible_as_a_file),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
