/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Prints the parsed values of settings rather than the text of the environment: what the sidecar
 * would use.
 */
#include <inttypes.h>
#include <unistd.h>

#include "proxy/command/command.h"

#define LINE_MAX_BYTES 16384

/* Prints Markdown without its backticks. */
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

/* Prints the settings of the group that the command reads. Returns whether there are any. */
static bool
print_group(const struct conf_group *group, const struct settings *s, unsigned command,
	    bool is_first, FILE *out)
{
	bool has_title = false;

	for (size_t i = 0; i < group->count; i++) {
		const struct conf_setting *row = &group->settings[i];

		if ((row->commands & command) == 0)
			continue;
		if (!has_title)
			(void)fprintf(out, "%s# %s\n", is_first ? "" : "\n", group->title);
		has_title = true;
		print_setting(row, s, out);
	}
	return has_title;
}

static void
print_membership(const char *kind, const char *of, uint64_t level, FILE *out)
{
	struct buf encoded;

	buf_init(&encoded, LINE_MAX_BYTES);
	if (url_encode(&encoded, str_from(of)))
		(void)fprintf(out,
			      "# GET /api/v4/%s/%.*s/members/all/<id>: active, with access level "
			      "%" PRIu64 " or more\n",
			      kind, STR_FMT(buf_view(&encoded)), level);
	buf_fini(&encoded);
}

/* Prints the requests by which AUTHORIZATION is checked, in their order. */
static void
print_questions(const struct auth_settings *a, FILE *out)
{
	const char *who = (a->modes & AUTH_MODE_USERS) != 0   ? ", and listed in USERS"
			  : (a->modes & AUTH_MODE_OWNER) != 0 ? ", with the id OWNER_ID"
							      : "";

	(void)fprintf(out,
		      "\n# Asked of GitLab with the user's token, at sign-in and while a session "
		      "is used\n"
		      "# GET /api/v4/user: active%s\n",
		      who);
	if ((a->modes & AUTH_MODE_WORKSPACE) != 0)
		(void)fprintf(out, "# POST /api/graphql: the owner of workspace %" PRIu64 "\n",
			      a->workspace_id);
	if ((a->modes & AUTH_MODE_PROJECT) != 0)
		print_membership("projects", a->project, a->project_access_level, out);
	if ((a->modes & AUTH_MODE_GROUP) != 0)
		print_membership("groups", a->group, a->group_access_level, out);
}

int
command_check_settings(char **environment, enum settings_command command, FILE *out, FILE *errors)
{
	struct conf_problems problems = {.count = 0, .notes_count = 0};
	struct settings *s = settings_load(environment, command, &problems);

	for (size_t i = 0; i < problems.notes_count && i < CONF_NOTES_MAX; i++)
		(void)fprintf(errors, "note: %s\n", problems.notes[i].text);
	conf_print_problems(&problems, errors);
	if (s == NULL)
		return 1;
	bool is_first = true;
	for (const struct conf_group *const *g = settings_table.groups; *g != NULL; g++)
		is_first = !print_group(*g, s, command, is_first, out) && is_first;
	if (command == SETTINGS_SERVE)
		print_questions(&s->auth, out);
	settings_free(s);
	return 0;
}

int
command_check(int argc, char **argv)
{
	static const struct {
		const char *name;
		enum settings_command command;
	} commands[] = {
		{"relay", SETTINGS_RELAY},
		{"inject", SETTINGS_INJECT},
		{"webhook", SETTINGS_WEBHOOK},
	};

	if (argc == 1)
		return command_check_settings(environ, SETTINGS_SERVE, stdout, stderr);
	for (size_t i = 0; argc == 2 && i < sizeof(commands) / sizeof(commands[0]); i++)
		if (strcmp(argv[1], commands[i].name) == 0)
			return command_check_settings(environ, commands[i].command, stdout, stderr);
	return command_refuse("unexpected argument", argv[argc - 1]);
}
