/* SPDX-License-Identifier: Apache-2.0 */
/*
 * oauth2-proxy's settings that can't be taken over unchanged. Those that restrict access are
 * translated or refused, never ignored.
 */
#include "proxy/settings/settings_foreign.h"

#include "base/url.h"
#include "proxy/settings/parse/settings_parse.h"

#define PAGE	     "docs/from-oauth2-proxy.md"
#define VARIABLE_MAX 96
#define ISSUER_MAX   4096u
#define GUEST	     10 /* every member: oauth2-proxy has no access levels for groups */
#define REPORTER     20 /* oauth2-proxy's level where the configuration has none */
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* Variables that restrict access or replace the configuration. */
static const struct {
	const char *name;
	const char *harmless; /* a value that restricts nothing, or NULL */
	const char *expected;
} restrictions[] = {
	{"ALLOWED_ROLES", NULL, "AUTHORIZATION=project, PROJECT and PROJECT_ACCESS_LEVEL"},
	{"AUTHENTICATED_EMAILS_FILE", NULL, "AUTHORIZATION=users and USERS"},
	{"EMAIL_DOMAINS", "*", "AUTHORIZATION: who may enter"},
	{"EMAIL_DOMAIN", "*", "AUTHORIZATION: who may enter"},
	{"HTPASSWD_FILE", NULL, "AUTHORIZATION: who may enter"},
	{"CONFIG", NULL, "environment variables"},
	{"ALPHA_CONFIG", NULL, "environment variables"},
};

static bool
is_alias(struct str variable)
{
	struct conf_cursor at = {0};
	const struct conf_setting *row;

	while ((row = conf_next(&settings_table, &at)) != NULL) {
		struct str alias = str_from(row->alias);
		if (!str_is_empty(alias) && str_starts_with(variable, alias) &&
		    (variable.len == alias.len ||
		     str_equal(str_skip(variable, alias.len), STR("_FILE"))))
			return true;
	}
	return false;
}

/* Whether the issuer is a public provider other than GitLab, or a Keycloak realm. */
static bool
is_other_issuer(struct str issuer)
{
	static const char *const hosts[] = {"accounts.google.com", "login.microsoftonline.com",
					    "sts.windows.net",	   "github.com",
					    ".okta.com",	   ".auth0.com"};
	struct arena arena;
	struct err e = ERR_INIT;
	struct url u;
	bool is_other = false;

	arena_init(&arena, ISSUER_MAX);
	if (url_parse(&u, issuer, &arena, &e)) {
		is_other = str_find(u.path, STR("/realms/")) != SIZE_MAX;
		for (size_t i = 0; i < COUNT(hosts); i++)
			is_other = is_other || str_ends_with(u.host, str_from(hosts[i]));
	}
	arena_fini(&arena);
	return is_other;
}

/* Reports a variable of the table of restrictions. False if it is not one of them. */
static bool
check_restriction(struct str name, struct str value, const char *variable,
		  struct conf_problems *problems)
{
	for (size_t i = 0; i < COUNT(restrictions); i++) {
		const char *harmless = restrictions[i].harmless;

		if (!str_equal(name, str_from(restrictions[i].name)))
			continue;
		if (harmless == NULL || !str_equal(value, str_from(harmless)))
			conf_problem(problems, variable,
				     "has no meaning here; expected %s instead (" PAGE ")",
				     restrictions[i].expected);
		return true;
	}
	return false;
}

/* A variable of oauth2-proxy that is translated to a mode of AUTHORIZATION. */
struct foreign_rule {
	const char *names[4];
	const char *mode_name;
	unsigned mode;
	uint64_t level; /* default access level */
	const char *setting;
	const char *level_setting;
	const char *example;
	conf_parse_fn *parse;
	size_t text_offset;
	size_t level_offset;
};
static const struct foreign_rule rules[] = {
	{.names = {"GITLAB_PROJECTS", "GITLAB_PROJECT"},
	 .mode_name = "project",
	 .mode = AUTH_MODE_PROJECT,
	 .level = REPORTER,
	 .setting = "PROJECT",
	 .level_setting = "PROJECT_ACCESS_LEVEL",
	 .example = "one project such as group/project=30",
	 .parse = settings_parse_project,
	 .text_offset = offsetof(struct settings, auth.project),
	 .level_offset = offsetof(struct settings, auth.project_access_level)},
	{.names = {"GITLAB_GROUPS", "GITLAB_GROUP", "ALLOWED_GROUPS", "ALLOWED_GROUP"},
	 .mode_name = "group",
	 .mode = AUTH_MODE_GROUP,
	 .level = GUEST,
	 .setting = "GROUP",
	 .level_setting = "GROUP_ACCESS_LEVEL",
	 .example = "one group such as company/team",
	 .parse = settings_parse_gitlab_group,
	 .text_offset = offsetof(struct settings, auth.group),
	 .level_offset = offsetof(struct settings, auth.group_access_level)},
};

static const struct foreign_rule *
find_rule(struct str name)
{
	for (size_t i = 0; i < COUNT(rules); i++)
		for (size_t j = 0; j < COUNT(rules[i].names); j++)
			if (str_equal(name, str_from(rules[i].names[j])))
				return &rules[i];
	return NULL;
}

static void
check_variable(struct str name, struct str value, const char *variable,
	       struct conf_problems *problems)
{
	if (str_equal(name, STR("OIDC_ISSUER_URL")) && is_other_issuer(value))
		conf_problem(problems, variable,
			     "this issuer is not GitLab; expected GitLab's URL");
	if (str_equal(name, STR("PROVIDER"))) {
		if (!str_equal(value, STR("gitlab")) && !str_equal(value, STR("oidc")))
			conf_problem(problems, variable,
				     "got \"%.*s\"; expected gitlab: there is no other provider",
				     STR_FMT(str_take(value, VARIABLE_MAX)));
		return;
	}
	if (find_rule(name) != NULL)
		return;
	if (!check_restriction(name, value, variable, problems) && !is_alias(str_from(variable)))
		conf_note(problems, variable, "ignored: there is no corresponding setting");
}

/* Parses "group/project=accesslevel", or a group. */
static bool
read_rule(const struct foreign_rule *rule, struct str value, struct settings *s, struct err *e)
{
	size_t equals = rule->mode == AUTH_MODE_PROJECT ? str_find_byte(value, '=') : SIZE_MAX;
	void *level_at = (char *)s + rule->level_offset;
	uint64_t level = rule->level;

	if (equals != SIZE_MAX && !str_to_u64(str_skip(value, equals + 1), 5, 60, &level))
		return err_set(e, ERR_CONFIG, "no access level");
	if (!rule->parse(str_take(value, equals), (char *)s + rule->text_offset, &s->arena, e))
		return false;
	*(uint64_t *)level_at = level;
	return true;
}

static bool
is_given(char **environment, const char *name)
{
	return conf_is_set(&settings_table, environment, name);
}

/* Whether another rule is set. oauth2-proxy admits users who meet one of several rules, we require
 * all of them, so that several can't be translated. */
static bool
has_rule(const struct settings *s, char **environment)
{
	bool has = is_given(environment, "AUTHORIZATION") || s->auth.project != NULL ||
		   s->auth.group != NULL;

	for (size_t i = 0; i < COUNT(rules); i++)
		has = has || is_given(environment, rules[i].setting) ||
		      is_given(environment, rules[i].level_setting);
	return has;
}

static void
take_rule(const struct foreign_rule *rule, struct settings *s, char **environment, struct str value,
	  const char *variable, struct conf_problems *problems)
{
	struct err e = ERR_INIT;

	if (has_rule(s, environment)) {
		conf_problem(problems, variable,
			     "in addition to another rule; expected AUTHORIZATION=%s, %s and %s "
			     "alone",
			     rule->mode_name, rule->setting, rule->level_setting);
		return;
	}
	if (!read_rule(rule, value, s, &e)) {
		conf_problem(problems, variable,
			     "not %s; expected AUTHORIZATION=%s, %s and %s (" PAGE ")",
			     rule->example, rule->mode_name, rule->setting, rule->level_setting);
		return;
	}
	/* WORKSPACE_ID restricts access to the owner. Require both rules, so that access is never
	 * wider than with one of them. */
	bool has_workspace = is_given(environment, "WORKSPACE_ID");
	s->auth.modes = rule->mode | (has_workspace ? AUTH_MODE_WORKSPACE : 0u);
	conf_note(problems, variable, "taken as AUTHORIZATION=%s%s, %s=%.*s, %s=%u",
		  has_workspace ? "workspace+" : "", rule->mode_name, rule->setting,
		  STR_FMT(str_take(value, str_find_byte(value, '='))), rule->level_setting,
		  rule->mode == AUTH_MODE_PROJECT ? (unsigned)s->auth.project_access_level : GUEST);
}

/* A variable of oauth2-proxy with a value that is not empty. */
struct foreign {
	char variable[VARIABLE_MAX]; /* the whole name, truncated */
	struct str name;	     /* without the prefix */
	struct str value;
};

/* Finds the next variable of oauth2-proxy from *at on. False at the end of the environment. */
static bool
next_foreign(char ***at, struct foreign *v)
{
	while (**at != NULL) {
		struct str whole = str_from(*(*at)++);
		size_t equals = str_find_byte(whole, '=');
		struct str name = str_take(whole, equals);

		if (equals == SIZE_MAX || equals + 1 == whole.len ||
		    !str_starts_with(name, STR(SETTINGS_FOREIGN)))
			continue;
		(void)snprintf(v->variable, sizeof(v->variable), "%.*s", STR_FMT(name));
		v->name = str_skip(name, strlen(SETTINGS_FOREIGN));
		v->value = str_skip(whole, equals + 1);
		return true;
	}
	return false;
}

void
settings_take_foreign(struct settings *s, char **environment, struct conf_problems *problems)
{
	char **at = environment;
	struct foreign v;

	while (next_foreign(&at, &v)) {
		const struct foreign_rule *rule = find_rule(v.name);

		if (rule != NULL)
			take_rule(rule, s, environment, v.value, v.variable, problems);
	}
}

void
settings_check_foreign(char **environment, struct conf_problems *problems)
{
	char **at = environment;
	struct foreign v;

	while (next_foreign(&at, &v))
		check_variable(v.name, v.value, v.variable, problems);
}
