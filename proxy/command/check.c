/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Prints settings as they were understood: from the parsed values, not from the environment's text,
 * so that what is shown is what the sidecar would use.
 */
#include "proxy/command/check.h"

#include "proxy/settings/settings_table.h"

#define LINE_MAX_BYTES 16384

/* Words written as Markdown, without the backticks. */
static void
print_plain(const char *text, FILE *out)
{
	for (; *text != '\0'; text++)
		if (*text != '`')
			(void)fputc(*text, out);
}

static void
print_setting(const struct conf_setting *row, const struct settings *s, FILE *out)
{
	struct buf value;
	buf_init(&value, LINE_MAX_BYTES);
	conf_format_value(row, s, &value);
	if (value.len > 0) {
		(void)fprintf(out, "%s%s=%.*s\n", settings_table.prefix, row->name,
			      STR_FMT(buf_view(&value)));
	} else {
		(void)fprintf(out, "# %s%s: ", settings_table.prefix, row->name);
		print_plain(row->unset == NULL ? "not set" : row->unset, out);
		(void)fputc('\n', out);
	}
	buf_fini(&value);
}

static void
print_settings(const struct settings *s, enum settings_scope scope, FILE *out)
{
	const char *group = "";
	for (size_t i = 0; i < settings_table.count; i++) {
		const struct conf_setting *row = &settings_table.settings[i];
		if ((row->flags & CONF_RESERVED) != 0 || !settings_reads(scope, row))
			continue;
		if (strcmp(group, row->group) != 0)
			(void)fprintf(out, "%s# %s\n", group[0] == '\0' ? "" : "\n", row->group);
		group = row->group;
		print_setting(row, s, out);
	}
}

int
check_run(char **environment, enum settings_scope scope, FILE *out, FILE *errors)
{
	struct conf_problems problems = {.count = 0, .notes_count = 0};
	struct settings *s = settings_load(environment, scope, &problems);

	for (size_t i = 0; i < problems.notes_count && i < CONF_NOTES_MAX; i++)
		(void)fprintf(errors, "note: %s\n", problems.notes[i].text);
	conf_print_problems(&problems, errors);
	if (s == NULL)
		return 1;
	print_settings(s, scope, out);
	settings_free(s);
	return 0;
}
