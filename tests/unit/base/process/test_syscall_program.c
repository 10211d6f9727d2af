/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs the programs of filters as the kernel does: their answers, and which calls the kernel knows
 * to be allowed without running them.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <linux/audit.h>
#include <linux/seccomp.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>

#include "base/process/syscall_filter.h"
#include "base/process/syscall_program.h"
#include "tests/unit/base/process/roles.h"

#ifdef __x86_64__
#define ARCHITECTURE AUDIT_ARCH_X86_64
#else
#define ARCHITECTURE AUDIT_ARCH_AARCH64
#endif
#define ALLOWED SECCOMP_RET_ALLOW
#define REFUSED (SECCOMP_RET_ERRNO | EPERM)
#define KILLED	SECCOMP_RET_KILL_PROCESS
#define UNKNOWN (SECCOMP_RET_ERRNO | ENOSYS)
#define STEPS	64 /* more than any path has */

static uint32_t
load(const struct seccomp_data *data, uint32_t offset)
{
	uint32_t value;

	assert_true(offset % sizeof(value) == 0 && offset + sizeof(value) <= sizeof(*data));
	memcpy(&value, (const char *)data + offset, sizeof(value));
	return value;
}

static bool
holds(unsigned code, uint32_t a, uint32_t k)
{
	assert_true(code == (BPF_JMP | BPF_JEQ | BPF_K) || code == (BPF_JMP | BPF_JGE | BPF_K));
	return BPF_OP(code) == BPF_JEQ ? a == k : a >= k;
}

/* Returns what the program returns. *constant: whether the kernel can determine it from the number
 * alone, as the kernel's seccomp_is_const_allow does. */
static uint32_t
answer_to(const struct syscall_filter *f, const struct seccomp_data *data, bool *constant)
{
	size_t at = 0;
	uint32_t a = 0;

	*constant = true;
	for (unsigned step = 0; step < STEPS; step++) {
		assert_true(at < f->count);
		const struct sock_filter *i = &f->items[at++];

		if (i->code == (BPF_RET | BPF_K))
			return i->k;
		if (i->code == (BPF_LD | BPF_W | BPF_ABS)) {
			a = load(data, i->k);
			*constant = *constant && i->k <= offsetof(struct seccomp_data, arch);
		} else if (i->code == (BPF_ALU | BPF_AND | BPF_K)) {
			a &= i->k;
			*constant = false;
		} else if (i->code == (BPF_JMP | BPF_JA)) {
			at += i->k;
		} else {
			at += holds(i->code, a, i->k) ? i->jt : i->jf;
		}
	}
	fail_msg("call %d: no answer after %d instructions", data->nr, STEPS);
	return 0;
}

static uint32_t
answer_of(const struct syscall_filter *f, uint32_t number, uint64_t first, uint64_t third)
{
	const struct seccomp_data data = {
		.nr = (int)number, .arch = ARCHITECTURE, .args = {first, 0, third}};
	bool constant;

	return answer_to(f, &data, &constant);
}

/* For these calls the kernel skips the program, because its table of always allowed calls contains
 * them. */
static void
test_hot_calls(void **state)
{
	static const int calls[] = {
		SYS_read,	SYS_write,   SYS_writev,	SYS_close,   SYS_recvfrom,
		SYS_sendto,	SYS_sendmsg, SYS_epoll_pwait,	SYS_futex,   SYS_splice,
		SYS_epoll_ctl,	SYS_accept4, SYS_clock_gettime, SYS_recvmsg, SYS_getsockopt,
#ifdef SYS_epoll_wait
		SYS_epoll_wait,
#endif
	};

	(void)state;
	for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
		struct syscall_filter *f =
			syscall_filter_new(SYSCALL_CONNECT | SYSCALL_ACCEPT | SYSCALL_WRITE, NULL);
		const struct seccomp_data data = {.nr = calls[i], .arch = ARCHITECTURE};
		bool constant = false;

		assert_non_null(f);
		uint32_t answer = answer_to(f, &data, &constant);
		syscall_filter_free(f);
		if (answer != ALLOWED || !constant)
			fail_msg("call %d: %x, %sconstant", calls[i], answer,
				 constant ? "" : "not ");
	}
}

/* Every number has an answer; calls of newer kernels are unknown, and other architectures fatal. */
static void
test_each_role(void **state)
{
	(void)state;
	for (size_t i = 0; i < ROLES; i++) {
		struct syscall_filter *f = syscall_filter_new(roles[i].groups, NULL);
		struct seccomp_data data = {.arch = ARCHITECTURE};
		bool constant;

		assert_non_null(f);
		for (data.nr = 0; data.nr < (int)SYSCALL_NUMBERS; data.nr++)
			(void)answer_to(f, &data, &constant);
		for (data.nr = 470; data.nr < (int)SYSCALL_NUMBERS + 5; data.nr++)
			assert_int_equal(answer_to(f, &data, &constant), UNKNOWN);
		data.arch = ~ARCHITECTURE;
		data.nr = SYS_read;
		assert_int_equal(answer_to(f, &data, &constant), KILLED);
		syscall_filter_free(f);
	}
}

static uint64_t
next(uint64_t *seed)
{
	*seed = *seed * 6364136223846793005u + 1442695040888963407u;
	return *seed >> 33;
}

/* The maximum number of changes of the answer, at random places. */
static void
fill(struct syscall_plan *plan, uint64_t *seed)
{
	unsigned changes = 0;

	for (unsigned n = 0; n < SYSCALL_NUMBERS; n++) {
		bool changes_here = n == 0 || (changes < 250 && next(seed) % 5 < 3);

		plan->actions[n] = changes_here ? (unsigned char)(next(seed) % SYSCALL_CHECKED)
						: plan->actions[n - 1];
		changes += n > 0 && plan->actions[n] != plan->actions[n - 1];
	}
}

static void
test_every_number(void **state)
{
	static const uint32_t expected[] = {REFUSED, ALLOWED, KILLED, UNKNOWN};
	static struct syscall_plan plan = {.architecture = ARCHITECTURE};
	static struct syscall_filter f;
	uint64_t seed = 1;

	(void)state;
	for (unsigned round = 0; round < 50; round++) {
		fill(&plan, &seed);
		syscall_program_write(&f, &plan);
		for (uint32_t n = 0; n < SYSCALL_NUMBERS; n++)
			assert_int_equal(answer_of(&f, n, 0, 0), expected[plan.actions[n]]);
		assert_int_equal(answer_of(&f, SYSCALL_NUMBERS, 0, 0), UNKNOWN);
		assert_int_equal(answer_of(&f, UINT32_MAX, 0, 0), UNKNOWN);
#ifdef __x86_64__
		assert_int_equal(answer_of(&f, 0x3fffffff, 0, 0), UNKNOWN);
		assert_int_equal(answer_of(&f, 0x40000000, 0, 0), KILLED);
		assert_int_equal(answer_of(&f, UINT32_MAX - 1, 0, 0), KILLED);
#endif
	}
}

/* Both halves of an argument count; rules of one call are alternatives, and do not apply to its
 * neighbour. */
static void
test_rules(void **state)
{
	static const struct syscall_condition low[SYSCALL_ARGUMENTS] = {[0] = {UINT64_MAX, 7}};
	static const struct syscall_condition high[SYSCALL_ARGUMENTS] = {
		[0] = {3ull << 32, 1ull << 32}, [2] = {6, 2}};
	static const struct syscall_condition always[SYSCALL_ARGUMENTS] = {0};
	static const struct syscall_plan plan = {
		.architecture = ARCHITECTURE,
		.actions = {[0] = SYSCALL_CHECKED,
			    [1] = SYSCALL_CHECKED,
			    [2] = SYSCALL_CHECKED,
			    [3] = SYSCALL_ALLOWED},
		.rule_count = 3,
		.rules = {{0, low}, {1, always}, {0, high}},
	};
	static struct syscall_filter f;

	(void)state;
	syscall_program_write(&f, &plan);
	assert_int_equal(answer_of(&f, 0, 7, 0), ALLOWED);
	assert_int_equal(answer_of(&f, 0, 7 | 1ull << 32, 0), REFUSED);
	assert_int_equal(answer_of(&f, 0, 7 | 1ull << 32, 2), ALLOWED);
	assert_int_equal(answer_of(&f, 0, 5ull << 32, 3 | 1ull << 63), ALLOWED);
	assert_int_equal(answer_of(&f, 0, 1ull << 32, 4), REFUSED);
	assert_int_equal(answer_of(&f, 0, 3ull << 32, 2), REFUSED);
	assert_int_equal(answer_of(&f, 0, 1, 2), REFUSED);
	assert_int_equal(answer_of(&f, 1, 0, 0), ALLOWED);
	assert_int_equal(answer_of(&f, 2, 7, 2), REFUSED);
	assert_int_equal(answer_of(&f, 3, 0, 0), ALLOWED);
	assert_int_equal(answer_of(&f, 4, 7, 2), REFUSED);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_hot_calls),
		cmocka_unit_test(test_each_role),
		cmocka_unit_test(test_every_number),
		cmocka_unit_test(test_rules),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
