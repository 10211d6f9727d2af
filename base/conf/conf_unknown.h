/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Finds variables that have the prefix of a table of settings but are not in the table. Private to
 * the conf modules.
 */
#ifndef BASE_CONF_CONF_UNKNOWN_H
#define BASE_CONF_CONF_UNKNOWN_H

#include "base/conf/conf_problems.h"
#include "base/conf/conf_table.h"

/* Adds a problem that names the nearest setting if this entry of the environment is unknown.
 * Ignores variables that Kubernetes sets for Services. */
void conf_check_unknown(const struct conf_table *table, const char *entry,
			struct conf_problems *problems);

#endif
