/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Secrets: copies, comparison, and that the kernel is told to leave them out of core dumps.
 */
#include "base/secret.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

static void
test_holds_a_copy_with_a_nul_behind(void **state)
{
	char bytes[] = "to\0ken";
	struct secret *s = secret_new(bytes, 6);

	(void)state;
	memset(bytes, 'x', sizeof(bytes));
	assert_int_equal(secret_view(s).len, 6);
	assert_memory_equal(secret_view(s).data, "to\0ken", 7);
	secret_free(s);
}

static void
test_null_and_empty(void **state)
{
	struct secret *empty = secret_from_str(STR_NONE);

	(void)state;
	assert_non_null(empty);
	assert_string_equal(secret_view(empty).data, "");
	assert_int_equal(secret_view(NULL).len, 0);
	assert_true(secret_equal(empty, empty));
	assert_false(secret_equal(empty, NULL));
	assert_false(secret_equal(NULL, empty));
	assert_false(secret_equal(NULL, NULL));
	secret_free(empty);
	secret_free(NULL);
	secret_wipe(NULL, 0);
}

static void
test_size_limit(void **state)
{
	char *data = calloc(1, SECRET_MAX_BYTES + 1);
	struct secret *s;

	(void)state;
	assert_non_null(data);
	s = secret_new(data, SECRET_MAX_BYTES);
	assert_non_null(s);
	assert_int_equal(secret_view(s).len, SECRET_MAX_BYTES);
	assert_int_equal(secret_view(s).data[SECRET_MAX_BYTES], 0);
	secret_free(s);
	assert_null(secret_new(data, SECRET_MAX_BYTES + 1));
	assert_null(secret_new(data, SIZE_MAX));
	free(data);
}

static void
test_equal_looks_at_every_byte(void **state)
{
	char bytes[64];
	struct secret *a, *b;

	(void)state;
	memset(bytes, 'k', sizeof(bytes));
	a = secret_new(bytes, sizeof(bytes));
	for (size_t i = 0; i < sizeof(bytes); i++) {
		bytes[i] = (char)(bytes[i] ^ (1 << (i % 8)));
		b = secret_new(bytes, sizeof(bytes));
		assert_false(secret_equal(a, b));
		secret_free(b);
		bytes[i] = 'k';
	}
	b = secret_new(bytes, sizeof(bytes) - 1);
	assert_false(secret_equal(a, b));
	secret_free(b);
	b = secret_new(bytes, sizeof(bytes));
	assert_true(secret_equal(a, b));
	secret_free(b);
	secret_free(a);
}

/* Whether the mapping that holds address has the flag "dd" (do not dump) in smaps. */
static bool
is_left_out_of_dumps(const void *address)
{
	FILE *smaps = fopen("/proc/self/smaps", "re");
	bool in_mapping = false, is_left_out = false;
	char line[512];

	assert_non_null(smaps);
	while (fgets(line, sizeof(line), smaps) != NULL) {
		char *end;
		unsigned long first = strtoul(line, &end, 16);

		if (*end == '-')
			in_mapping = first <= (uintptr_t)address &&
				     (uintptr_t)address < strtoul(end + 1, NULL, 16);
		else if (in_mapping && strncmp(line, "VmFlags:", 8) == 0)
			is_left_out = strstr(line, " dd") != NULL;
	}
	(void)fclose(smaps);
	return is_left_out;
}

static bool
kernel_shows_dump_flags(void)
{
	void *page = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	bool is_shown;

	assert_true(page != MAP_FAILED);
	is_shown = madvise(page, 4096, MADV_DONTDUMP) == 0 && is_left_out_of_dumps(page);
	(void)munmap(page, 4096);
	return is_shown;
}

static void
test_left_out_of_core_dumps(void **state)
{
	struct secret *s;

	(void)state;
	if (!kernel_shows_dump_flags())
		skip();
	s = secret_from_str(STR("canary"));
	assert_true(is_left_out_of_dumps(secret_view(s).data));
	assert_false(is_left_out_of_dumps(&s));
	secret_free(s);
}

/* What other processes read of the page: through /proc/self/mem, as a debugger does; and whether it
 * is locked. */
static void
test_protection(void **state)
{
	struct secret *s = secret_from_str(STR("canary"));
	int fd = open("/proc/self/mem", O_RDONLY | O_CLOEXEC);
	char bytes[6] = "";

	(void)state;
	assert_non_null(s);
	ssize_t n = fd < 0 ? -1
			   : pread(fd, bytes, sizeof(bytes), (off_t)(uintptr_t)secret_view(s).data);
	switch (secret_protection()) {
	case SECRET_HIDDEN:
		assert_true(n <= 0);
		break;
	case SECRET_LOCKED:
	case SECRET_PLAIN:
		assert_true(fd < 0 || n == sizeof(bytes));
		break;
	}
	if (fd >= 0)
		(void)close(fd);
	secret_free(s);
}

#ifndef SANITIZED /* which make mlock(2) do nothing */
/* Without permission to lock memory, secrets still work, and the process reports the protection. */
static void
test_no_locked_memory(void **state)
{
	const struct rlimit none = {0, 0};
	pid_t pid = fork();
	int status = -1;

	(void)state;
	assert_true(pid >= 0);
	if (pid == 0) {
		if (setrlimit(RLIMIT_MEMLOCK, &none) != 0 ||
		    (geteuid() == 0 && setresuid(65534, 65534, 65534) != 0))
			_exit(2);
		struct secret *s = secret_from_str(STR("canary"));
		_exit(s != NULL && str_equal(secret_view(s), STR("canary")) &&
				      secret_protection() == SECRET_PLAIN
			      ? 0
			      : 1);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

#endif

static void
test_wipe(void **state)
{
	char bytes[16] = "0123456789abcde";

	(void)state;
	secret_wipe(bytes + 1, 14);
	assert_int_equal(bytes[0], '0');
	for (size_t i = 1; i < 16; i++)
		assert_int_equal(bytes[i], 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_holds_a_copy_with_a_nul_behind),
		cmocka_unit_test(test_null_and_empty),
		cmocka_unit_test(test_size_limit),
		cmocka_unit_test(test_equal_looks_at_every_byte),
		cmocka_unit_test(test_left_out_of_core_dumps),
		cmocka_unit_test(test_protection),
#ifndef SANITIZED
		cmocka_unit_test(test_no_locked_memory),
#endif
		cmocka_unit_test(test_wipe),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
