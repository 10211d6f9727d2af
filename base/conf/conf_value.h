/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One value of the table of settings: parses text into a field by the row's type, and describes
 * what a row expects. Private to the conf modules; others use base/conf/conf.h.
 */
#ifndef BASE_CONF_CONF_VALUE_H
#define BASE_CONF_CONF_VALUE_H

#include "base/conf/conf.h"

#define CONF_EXPECTED_MAX 256

/* Parses text into the field: texts are copied to the arena, secrets to the heap. On failure e has
 * a reason, without the value, or only a code when conf_value_describe says everything. */
bool conf_value_parse(const struct conf_setting *row, struct str text, void *field, struct arena *a,
		      struct err *e) MUST_CHECK;

/* Describes the values that the setting takes: "a duration from 1s to 24h", "one of json, text". */
void conf_value_describe(const struct conf_setting *row, char *out, size_t size);

/* Whether the value is never shown. */
bool conf_value_is_secret(const struct conf_setting *row);

#endif
