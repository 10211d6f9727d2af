/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One value of the table of settings: parses text into a field by the row's type, and describes
 * what a row expects. Private to the conf modules; others use base/conf/conf.h.
 */
#ifndef BASE_CONF_CONF_VALUE_H
#define BASE_CONF_CONF_VALUE_H

#include "base/conf/conf.h"

#define CONF_EXPECTED_MAX 256

/*
 * Writes the field; text in the arena, secrets on the heap. On failure e holds a reason, without
 * the value, or nothing but the code where conf_value_describe says it all.
 */
bool conf_value_parse(const struct conf_setting *row, struct str text, void *field, struct arena *a,
		      struct err *e) MUST_CHECK;

/* "a duration from 1s to 24h", "one of json, text". */
void conf_value_describe(const struct conf_setting *row, char *out, size_t size);

/* Whether the value may never be shown. */
bool conf_value_is_secret(const struct conf_setting *row);

#endif
