/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The program: the architecture is checked, a search over ranges of numbers with the same action
 * ends in that action or jumps to the checks of one call's arguments, which stand at the end.
 */
#include "base/process/syscall_program.h"

#include <errno.h>
#include <linux/seccomp.h>

#include "base/err.h"

#define X32_BIT	     0x40000000u
#define RANGES_MAX   256u /* half of it must fit into a jump of 255 instructions */
#define LOAD(field)  BPF_LD | BPF_W | BPF_ABS, (uint32_t)offsetof(struct seccomp_data, field)
#define TEST(op)     (BPF_JMP | BPF_K | (op))
#define JUMP	     (BPF_JMP | BPF_JA)
#define RETURN	     (BPF_RET | BPF_K)
#define LOW_HALF(n)  ((uint32_t)(n))
#define HIGH_HALF(n) ((uint32_t)((n) >> 32))

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__,
	       "the low half of an argument comes first");

/* A range of numbers with the same action, up to the start of the next range. */
struct range {
	uint32_t first;
	enum syscall_action action;
};

struct ranges {
	size_t count;
	struct range items[RANGES_MAX];
};

static size_t
emit(struct syscall_filter *f, unsigned code, uint32_t k)
{
	err_assert(f->count < SYSCALL_PROGRAM_MAX);
	f->items[f->count] = (struct sock_filter){.code = (uint16_t)code, .k = k};
	return f->count++;
}

/* Returns the jump distance from the instruction to the next one that is written. */
static uint8_t
distance_from(const struct syscall_filter *f, size_t at)
{
	size_t distance = f->count - at - 1;

	err_assert(distance <= UINT8_MAX);
	return (uint8_t)distance;
}

static void
emit_action(struct syscall_filter *f, enum syscall_action action)
{
	static const uint32_t returned[] = {
		[SYSCALL_REFUSED] = SECCOMP_RET_ERRNO | EPERM,
		[SYSCALL_ALLOWED] = SECCOMP_RET_ALLOW,
		[SYSCALL_FATAL] = SECCOMP_RET_KILL_PROCESS,
		[SYSCALL_UNKNOWN] = SECCOMP_RET_ERRNO | ENOSYS,
	};

	(void)emit(f, RETURN, returned[action]);
}

static void
add_range(struct ranges *r, uint32_t first, enum syscall_action action)
{
	err_assert(r->count < RANGES_MAX);
	r->items[r->count++] = (struct range){first, action};
}

/* Calls with checked arguments each have a range of their own. */
static void
find_ranges(const struct syscall_plan *plan, struct ranges *r)
{
	add_range(r, 0, plan->actions[0]);
	for (uint32_t n = 1; n < SYSCALL_NUMBERS; n++)
		if (plan->actions[n] != plan->actions[n - 1] || plan->actions[n] == SYSCALL_CHECKED)
			add_range(r, n, plan->actions[n]);
	add_range(r, SYSCALL_NUMBERS, SYSCALL_UNKNOWN);
#ifdef __x86_64__
	add_range(r, X32_BIT, SYSCALL_FATAL);
	add_range(r, UINT32_MAX, SYSCALL_UNKNOWN); /* how tracers skip a call */
#endif
}

/* Emits a binary search for the range. A leaf is one instruction; a jump to checks has the call's
 * number in place of its distance until link_checks replaces it. */
static void
emit_search(struct syscall_filter *f, const struct range *ranges, size_t count)
{
	size_t half = count / 2;

	if (count == 1 && ranges->action == SYSCALL_CHECKED) {
		(void)emit(f, JUMP, ranges->first);
	} else if (count == 1) {
		emit_action(f, ranges->action);
	} else {
		size_t test = emit(f, TEST(BPF_JGE), ranges[half].first);

		emit_search(f, ranges, half);
		f->items[test].jt = distance_from(f, test);
		emit_search(f, ranges + half, count - half);
	}
}

static void
emit_half(struct syscall_filter *f, size_t offset, uint32_t mask, uint32_t value)
{
	if (mask == 0 && value == 0)
		return;
	(void)emit(f, BPF_LD | BPF_W | BPF_ABS, (uint32_t)offset);
	if (mask != UINT32_MAX)
		(void)emit(f, BPF_ALU | BPF_AND | BPF_K, mask);
	(void)emit(f, TEST(BPF_JEQ), value);
}

/* If a condition fails, continues with the next rule. */
static void
emit_rule(struct syscall_filter *f, const struct syscall_condition *conditions)
{
	size_t start = f->count;

	for (size_t i = 0; i < SYSCALL_ARGUMENTS; i++) {
		const struct syscall_condition *c = &conditions[i];
		size_t offset = offsetof(struct seccomp_data, args) + i * sizeof(uint64_t);

		emit_half(f, offset, LOW_HALF(c->mask), LOW_HALF(c->value));
		emit_half(f, offset + sizeof(uint32_t), HIGH_HALF(c->mask), HIGH_HALF(c->value));
	}
	emit_action(f, SYSCALL_ALLOWED);
	for (size_t i = start; i < f->count; i++)
		if (f->items[i].code == TEST(BPF_JEQ))
			f->items[i].jf = distance_from(f, i);
}

static void
link_checks(struct syscall_filter *f, const struct syscall_plan *plan)
{
	const size_t end = f->count;

	for (size_t at = 0; at < end; at++) {
		const uint32_t number = f->items[at].k;

		if (f->items[at].code != JUMP)
			continue;
		f->items[at].k = (uint32_t)(f->count - at - 1);
		for (size_t i = 0; i < plan->rule_count; i++)
			if (plan->rules[i].number == number)
				emit_rule(f, plan->rules[i].conditions);
		emit_action(f, SYSCALL_REFUSED);
	}
}

void
syscall_program_write(struct syscall_filter *f, const struct syscall_plan *plan)
{
	struct ranges ranges = {.count = 0};

	find_ranges(plan, &ranges);
	f->count = 0;
	(void)emit(f, LOAD(arch));
	size_t test = emit(f, TEST(BPF_JEQ), plan->architecture);
	emit_action(f, SYSCALL_FATAL);
	f->items[test].jt = distance_from(f, test);
	(void)emit(f, LOAD(nr));
	emit_search(f, ranges.items, ranges.count);
	link_checks(f, plan);
}
