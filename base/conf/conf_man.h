/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Settings as sections of a manual page, in the macros of man(7).
 */
#ifndef BASE_CONF_CONF_MAN_H
#define BASE_CONF_CONF_MAN_H

#include "base/conf/conf.h"

/* A line of text: what man(7) would take for a request or an escape is quoted, markup is left
 * out. */
void conf_man_print_text(struct str text, FILE *out);

/* A section for each group of settings, without the refused ones. */
void conf_print_man(const struct conf_table *table, FILE *out);

#endif
