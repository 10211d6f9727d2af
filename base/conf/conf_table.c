/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Iterates over the rows of all groups.
 */
#include "base/conf/conf_table.h"

const struct conf_setting *
conf_next(const struct conf_table *table, struct conf_cursor *at)
{
	const struct conf_group *group;

	while ((group = table->groups[at->group]) != NULL) {
		if (at->setting < group->count)
			return &group->settings[at->setting++];
		at->group++;
		at->setting = 0;
	}
	return NULL;
}
