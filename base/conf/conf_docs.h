/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The documentation of a table of settings, and plain text from Markdown.
 */
#ifndef BASE_CONF_CONF_DOCS_H
#define BASE_CONF_CONF_DOCS_H

#include "base/conf/conf.h"

/* Print docs/configuration.md, and the settings section of --help. */
void conf_print_markdown(const struct conf_table *table, FILE *out);
void conf_print_help(const struct conf_table *table, FILE *out);

/* Whether the byte is markup: a backtick, one of two asterisks, or the brackets and address of a
 * link. */
bool conf_is_markup(struct str text, size_t at);

/* Prints Markdown as plain text, wrapped and indented. The cursor is at `column` of the first
 * line. */
void conf_print_wrapped(const char *text, int column, int indent, FILE *out);

#endif
