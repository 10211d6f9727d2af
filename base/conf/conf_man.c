/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The settings of a table as sections of a manual page (man(7)), from the rows that the loader
 * reads.
 */
#include "base/conf/conf_man.h"

#include "base/conf/conf_docs.h"
#include "base/conf/conf_value.h"

void
conf_man_print_text(struct str text, FILE *out)
{
	if (text.len > 0 && (text.data[0] == '.' || text.data[0] == '\''))
		(void)fputs("\\&", out);
	for (size_t i = 0; i < text.len; i++) {
		if (text.data[i] == '\\')
			(void)fputs("\\e", out);
		else if (text.data[i] == '-')
			(void)fputs("\\-", out);
		else if (!conf_is_markup(text, i))
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
	conf_man_print_text(str_from(expected), out);
	if (row->required == 0 && fallback != NULL) {
		(void)fputs(".br\nDefault: ", out);
		conf_man_print_text(str_from(fallback), out);
	}
}

static void
print_setting(const struct conf_table *table, const struct conf_setting *row, FILE *out)
{
	(void)fprintf(out, ".TP\n.B %s%s\n", table->prefix, row->name);
	conf_man_print_text(str_from(row->text), out);
	print_value(row, out);
}

void
conf_print_man(const struct conf_table *table, FILE *out)
{
	for (const struct conf_group *const *g = table->groups; *g != NULL; g++) {
		if (((*g)->settings[0].flags & CONF_REFUSED) != 0)
			continue;
		(void)fprintf(out, ".SH %s\n", (*g)->title);
		for (size_t i = 0; i < (*g)->count; i++)
			print_setting(table, &(*g)->settings[i], out);
	}
}
