/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Intrusive linked lists: those of queue(3), and what it lacks. LIST_ENTRY links both ways and
 * allows removal without the head; SLIST_ENTRY links one way.
 *
 *	LIST_HEAD(caller_list, caller) callers;
 *	struct caller { LIST_ENTRY(caller) entry; … };
 *
 * A zeroed head is an empty list, a zeroed entry is on no list.
 */
#ifndef BASE_LIST_H
#define BASE_LIST_H

#include <stddef.h>
#include <sys/queue.h>

/* Valid for entries that were zeroed, inserted, or removed with LIST_UNLINK (not LIST_REMOVE). */
#define LIST_IS_LINKED(element, field) ((element)->field.le_prev != NULL)

/* Removes an element if it is on a list. */
#define LIST_UNLINK(element, field)                                                                \
	do {                                                                                       \
		if (LIST_IS_LINKED(element, field)) {                                              \
			LIST_REMOVE(element, field);                                               \
			(element)->field.le_next = NULL;                                           \
			(element)->field.le_prev = NULL;                                           \
		}                                                                                  \
	} while (0)

/* As LIST_FOREACH. The body may remove and free the current element, but no other. */
#define LIST_FOREACH_SAFE(var, head, field, next)                                                  \
	for ((var) = LIST_FIRST(head); (var) != NULL && ((next) = LIST_NEXT(var, field), 1);       \
	     (var) = (next))

/* Moves all elements in order to the list `to`, which must be empty: for loops whose body changes
 * the list. */
#define LIST_MOVE_ALL(to, from, field)                                                             \
	do {                                                                                       \
		LIST_FIRST(to) = LIST_FIRST(from);                                                 \
		if (!LIST_EMPTY(to))                                                               \
			LIST_FIRST(to)->field.le_prev = &LIST_FIRST(to);                           \
		LIST_INIT(from);                                                                   \
	} while (0)

#endif
