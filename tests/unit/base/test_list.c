/* SPDX-License-Identifier: Apache-2.0 */
/*
 * base/list: unlinking twice, loops whose body removes elements, and moving a whole list.
 */
#include "base/list.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

LIST_HEAD(item_list, item);
struct item {
	LIST_ENTRY(item) entry;
	int number;
};

/* Inserts items 0 to 3, so that the list is 3, 2, 1, 0. */
static void
fill(struct item_list *list, struct item items[4])
{
	for (int i = 0; i < 4; i++) {
		items[i] = (struct item){.number = i};
		LIST_INSERT_HEAD(list, &items[i], entry);
	}
}

/* The list's numbers as decimal digits: 3, 2, 1 is 321. */
static int
numbers(const struct item_list *list)
{
	const struct item *i;
	int sum = 0;

	LIST_FOREACH (i, list, entry)
		sum = sum * 10 + i->number;
	return sum;
}

static void
test_zeroed_is_empty(void **state)
{
	struct item_list list = {0};
	struct item item = {0};

	(void)state;
	assert_true(LIST_EMPTY(&list));
	assert_false(LIST_IS_LINKED(&item, entry));
	LIST_UNLINK(&item, entry);
	assert_false(LIST_IS_LINKED(&item, entry));
}

static void
unlink_item(struct item *item)
{
	LIST_UNLINK(item, entry);
	assert_false(LIST_IS_LINKED(item, entry));
}

static void
test_unlink(void **state)
{
	struct item_list list = {0};
	struct item items[4];

	(void)state;
	fill(&list, items);
	assert_int_equal(numbers(&list), 3210);
	unlink_item(&items[1]);
	unlink_item(&items[1]);
	assert_int_equal(numbers(&list), 320);
	unlink_item(&items[3]);
	assert_int_equal(numbers(&list), 20);
	unlink_item(&items[0]);
	assert_true(LIST_IS_LINKED(&items[2], entry));
	unlink_item(&items[2]);
	assert_true(LIST_EMPTY(&list));
	LIST_INSERT_HEAD(&list, &items[1], entry);
	assert_int_equal(numbers(&list), 1);
}

static void
test_remove_while_looping(void **state)
{
	struct item_list list = {0};
	struct item items[4];
	struct item *i, *next;

	(void)state;
	fill(&list, items);
	LIST_FOREACH_SAFE (i, &list, entry, next)
		if (i->number % 2 == 1) {
			LIST_REMOVE(i, entry);
			i->entry.le_next = NULL; /* as if freed */
		}
	assert_int_equal(numbers(&list), 20);
	LIST_FOREACH_SAFE (i, &list, entry, next)
		LIST_REMOVE(i, entry);
	assert_true(LIST_EMPTY(&list));
}

static void
test_move_all(void **state)
{
	struct item_list from = {0};
	struct item_list to = {0};
	struct item items[4];

	(void)state;
	LIST_MOVE_ALL(&to, &from, entry);
	assert_true(LIST_EMPTY(&to));
	fill(&from, items);
	LIST_MOVE_ALL(&to, &from, entry);
	assert_true(LIST_EMPTY(&from));
	assert_int_equal(numbers(&to), 3210);
	/* The first element knows its new head. */
	LIST_UNLINK(&items[3], entry);
	assert_int_equal(numbers(&to), 210);
	LIST_INSERT_HEAD(&from, &items[3], entry);
	assert_int_equal(numbers(&from), 3);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_zeroed_is_empty),
		cmocka_unit_test(test_unlink),
		cmocka_unit_test(test_remove_while_looping),
		cmocka_unit_test(test_move_all),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
