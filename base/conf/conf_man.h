/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Settings as sections of a manual page, in the macros of man(7).
 */
#ifndef BASE_CONF_CONF_MAN_H
#define BASE_CONF_CONF_MAN_H

#include "base/conf/conf.h"

/* Prints a line of text without Markdown; escapes what man(7) would read as a request or an
 * escape. */
void conf_man_print_text(struct str text, FILE *out);

/* Prints a section for each group of settings, without refused ones. */
void conf_print_man(const struct conf_table *table, FILE *out);

#endif
