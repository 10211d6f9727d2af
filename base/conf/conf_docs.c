/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The documentation of a table of settings: docs/configuration.md, the settings part of --help and
 * that of the manual page.
 *
 * All come from the rows that the loader reads, so they can't disagree with it. Rows are printed
 * in the table's order under their group's heading; refused ones last.
 */
#include "base/conf/conf_docs.h"

#include "base/conf/conf_value.h"

#define HELP_COLUMNS 88
#define HELP_INDENT  6

/* Prints a cell of a Markdown table; escapes '|', which would end the cell. */
static void
print_cell(const char *text, FILE *out)
{
	for (; *text != '\0'; text++) {
		if (*text == '|')
			(void)fputc('\\', out);
		(void)fputc(*text, out);
	}
}

static void
print_default(const struct conf_setting *row, FILE *out)
{
	if (row->required != 0)
		(void)fputs("**required**", out);
	else if (row->unset != NULL)
		print_cell(row->unset, out);
	else if (row->fallback != NULL)
		(void)fprintf(out, "`%s`", row->fallback);
	else
		(void)fputs("none", out);
}

static void
print_row(const struct conf_table *table, const struct conf_setting *row, FILE *out)
{
	char expected[CONF_EXPECTED_MAX];

	(void)table;
	conf_value_describe(row, expected, sizeof(expected));
	(void)fprintf(out, "| `%s` | ", row->name);
	print_default(row, out);
	(void)fputs(" | ", out);
	print_cell(expected, out);
	(void)fputs(" | ", out);
	print_cell(row->text, out);
	(void)fputs(" |\n", out);
}

static bool
is_refused(const struct conf_setting *row)
{
	return (row->flags & CONF_REFUSED) != 0;
}

/* Prints the title and the rows of each group, without refused ones. */
static void
print_groups(const struct conf_table *table, const char *before, const char *after,
	     void (*print)(const struct conf_table *, const struct conf_setting *, FILE *),
	     FILE *out)
{
	for (const struct conf_group *const *g = table->groups; *g != NULL; g++) {
		if (is_refused(&(*g)->settings[0]))
			continue;
		(void)fprintf(out, "%s%s%s", before, (*g)->title, after);
		for (size_t i = 0; i < (*g)->count; i++)
			print(table, &(*g)->settings[i], out);
	}
}

static void
print_aliases(const struct conf_table *table, FILE *out)
{
	(void)fputs(
		"\n## Aliases\n\nThese variables of oauth2-proxy are accepted too, with a note in "
		"the log. It is an error if an alias and our setting have different values.\n\n"
		"| variable | taken as |\n|---|---|\n",
		out);
	struct conf_cursor at = {0};
	const struct conf_setting *row;
	while ((row = conf_next(table, &at)) != NULL) {
		if (row->alias != NULL && !is_refused(row))
			(void)fprintf(out, "| `%s` | `%s%s` |\n", row->alias, table->prefix,
				      row->name);
	}
}

static void
print_refused(const struct conf_table *table, FILE *out)
{
	(void)fputs("\n## Refused\n\n"
		    "Setting one of these is an error.\n\n"
		    "| name | what to do instead |\n|---|---|\n",
		    out);
	struct conf_cursor at = {0};
	const struct conf_setting *row;
	while ((row = conf_next(table, &at)) != NULL) {
		if (!is_refused(row))
			continue;
		(void)fprintf(out, "| `%s` | ", row->name);
		print_cell(row->text, out);
		(void)fputs(" |\n", out);
	}
}

void
conf_print_markdown(const struct conf_table *table, FILE *out)
{
	(void)fputs(table->intro, out);
	print_groups(table, "\n## ",
		     "\n\n| name | default | value | meaning |\n|---|---|---|---|\n", print_row,
		     out);
	print_aliases(table, out);
	print_refused(table, out);
}

/* In "[text](address)" everything but the text is markup. The text may be cut within a link, so its
 * end may be missing. "[v6]:port" is no link. */
static bool
opens_link(struct str text, size_t at)
{
	struct str rest = str_skip(text, at);
	size_t end = str_find_byte(rest, ']');

	return rest.data[0] == '[' &&
	       (end >= rest.len || str_starts_with(str_skip(rest, end), STR("](")));
}

static bool
is_link_address(struct str text, size_t at)
{
	for (size_t i = at + 1; i-- > 0;) {
		if (i < at && text.data[i] == ')')
			return false;
		if (str_starts_with(str_skip(text, i), STR("](")))
			return true;
	}
	return false;
}

/* Whether the byte is markup: a backtick, one of two asterisks, or the brackets and address of a
 * link. */
static bool
is_markup(struct str text, size_t at)
{
	return text.data[at] == '`' || opens_link(text, at) || is_link_address(text, at) ||
	       (text.data[at] == '*' && ((at > 0 && text.data[at - 1] == '*') ||
					 (at + 1 < text.len && text.data[at + 1] == '*')));
}

static int
width_of(struct str word)
{
	int width = 0;

	for (size_t i = 0; i < word.len; i++)
		width += !is_markup(word, i);
	return width;
}

static void
print_word(struct str word, FILE *out)
{
	for (size_t i = 0; i < word.len; i++) {
		if (!is_markup(word, i))
			(void)fputc(word.data[i], out);
	}
}

void
conf_print_wrapped(const char *text, int column, int indent, FILE *out)
{
	struct str rest = str_from(text);
	struct str word;

	(void)fprintf(out, "%*s", indent - column, "");
	column = indent;
	while (str_next(&rest, ' ', &word)) {
		int width = width_of(word);

		if (column > indent && column + 1 + width > HELP_COLUMNS) {
			(void)fprintf(out, "\n%*s", indent, "");
			column = indent;
		} else if (column > indent) {
			(void)fputc(' ', out);
			column++;
		}
		print_word(word, out);
		column += width;
	}
	(void)fputc('\n', out);
}

static void
print_help_row(const struct conf_table *table, const struct conf_setting *row, FILE *out)
{
	char line[CONF_EXPECTED_MAX * 2];
	char expected[CONF_EXPECTED_MAX];

	(void)table;
	conf_value_describe(row, expected, sizeof(expected));
	if (row->required != 0)
		(void)snprintf(line, sizeof(line), "required; %s", expected);
	else if (row->unset != NULL)
		(void)snprintf(line, sizeof(line), "default: %s; %s", row->unset, expected);
	else if (row->fallback != NULL)
		(void)snprintf(line, sizeof(line), "default: %s; %s", row->fallback, expected);
	else
		(void)snprintf(line, sizeof(line), "%s", expected);
	(void)fprintf(out, "  %s\n", row->name);
	conf_print_wrapped(line, 0, HELP_INDENT, out);
	conf_print_wrapped(row->text, 0, HELP_INDENT, out);
}

void
conf_print_help(const struct conf_table *table, FILE *out)
{
	print_groups(table, "\n", "\n", print_help_row, out);
}

void
conf_print_man_text(struct str text, FILE *out)
{
	if (text.len > 0 && (text.data[0] == '.' || text.data[0] == '\''))
		(void)fputs("\\&", out);
	for (size_t i = 0; i < text.len; i++) {
		if (text.data[i] == '\\')
			(void)fputs("\\e", out);
		else if (text.data[i] == '-')
			(void)fputs("\\-", out);
		else if (!is_markup(text, i))
			(void)fputc(text.data[i], out);
	}
	(void)fputc('\n', out);
}

static void
print_value(const struct conf_setting *row, FILE *out)
{
	char expected[CONF_EXPECTED_MAX];
	const char *fallback = row->unset != NULL ? row->unset : row->fallback;

	conf_value_describe(row, expected, sizeof(expected));
	(void)fputs(row->required != 0 ? ".br\nRequired: " : ".br\nValue: ", out);
	conf_print_man_text(str_from(expected), out);
	if (row->required == 0 && fallback != NULL) {
		(void)fputs(".br\nDefault: ", out);
		conf_print_man_text(str_from(fallback), out);
	}
}

static void
print_setting(const struct conf_table *table, const struct conf_setting *row, FILE *out)
{
	(void)fprintf(out, ".TP\n.B %s%s\n", table->prefix, row->name);
	conf_print_man_text(str_from(row->text), out);
	print_value(row, out);
}

void
conf_print_man(const struct conf_table *table, FILE *out)
{
	print_groups(table, ".SH ", "\n", print_setting, out);
}
