/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The documentation of a table of settings, and plain text from Markdown.
 */
#ifndef BASE_CONF_CONF_DOCS_H
#define BASE_CONF_CONF_DOCS_H

#include "base/conf/conf.h"

/* Print docs/configuration.md, the settings section of --help, and a section of the manual page
 * (man(7)) for each group of settings. Only the first has refused settings. */
void conf_print_markdown(const struct conf_table *table, FILE *out);
void conf_print_help(const struct conf_table *table, FILE *out);
void conf_print_man(const struct conf_table *table, FILE *out);

/* Prints Markdown as plain text, wrapped and indented. The cursor is at `column` of the first
 * line. */
void conf_print_wrapped(const char *text, int column, int indent, FILE *out);

/* Prints a line of text without Markdown; escapes what man(7) would read as a request or an
 * escape. */
void conf_print_man_text(struct str text, FILE *out);

#endif
