/* SPDX-License-Identifier: Apache-2.0 */
/*
 * oauth2-proxy's settings without a counterpart of the same value: a restriction is never ignored.
 */
#include "proxy/settings/settings_foreign.h"

#include "base/url.h"
#include "proxy/settings/settings_parse.h"

#define PAGE	     "docs/from-oauth2-proxy.md"
#define VARIABLE_MAX 96
#define ISSUER_MAX   4096u
#define REPORTER     20 /* oauth2-proxy's level where the configuration has none */
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* What oauth2-proxy would not let in, or not run with. */
static const struct {
	const char *name;
	const char *harmless; /* a value that restricts nothing, or NULL */
	const char *expected;
} restrictions[] = {
	{"GITLAB_GROUPS", NULL, "AUTHORIZATION=project and PROJECT, a project of the group"},
	{"GITLAB_GROUP", NULL, "AUTHORIZATION=project and PROJECT, a project of the group"},
	{"ALLOWED_GROUPS", NULL, "AUTHORIZATION=project and PROJECT, a project of the group"},
	{"ALLOWED_GROUP", NULL, "AUTHORIZATION=project and PROJECT, a project of the group"},
	{"ALLOWED_ROLES", NULL, "AUTHORIZATION=project, PROJECT and PROJECT_ACCESS_LEVEL"},
	{"AUTHENTICATED_EMAILS_FILE", NULL, "AUTHORIZATION=owner and OWNER_ID"},
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

/* Public providers that are no GitLab, and the path of a Keycloak realm. */
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

/* False where the variable has no say in who may enter. */
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

static bool
is_projects(struct str name)
{
	return str_equal(name, STR("GITLAB_PROJECTS")) || str_equal(name, STR("GITLAB_PROJECT"));
}

static void
check_variable(struct str name, struct str value, const char *variable,
	       struct conf_problems *problems)
{
	if (str_equal(name, STR("OIDC_ISSUER_URL")) && is_other_issuer(value))
		conf_problem(problems, variable, "this issuer is no GitLab; expected GitLab's URL");
	if (str_equal(name, STR("PROVIDER"))) {
		if (!str_equal(value, STR("gitlab")) && !str_equal(value, STR("oidc")))
			conf_problem(problems, variable,
				     "got \"%.*s\"; expected gitlab: there is no other provider",
				     STR_FMT(str_take(value, VARIABLE_MAX)));
		return;
	}
	if (is_projects(name))
		return;
	if (!check_restriction(name, value, variable, problems) && !is_alias(str_from(variable)))
		conf_note(problems, variable, "ignored: there is no setting of this meaning");
}

/* "group/project=accesslevel". False: not one project, or no such level. */
static bool
read_project(struct str value, struct settings *s, struct err *e)
{
	size_t equals = str_find_byte(value, '=');
	uint64_t level = REPORTER;

	if (equals != SIZE_MAX && !str_to_u64(str_skip(value, equals + 1), 5, 60, &level))
		return err_set(e, ERR_CONFIG, "one project with an access level of 5 to 60");
	if (!settings_parse_project(str_take(value, equals), &s->auth.project, &s->arena, e))
		return false;
	s->auth.project_access_level = level;
	return true;
}

static bool
is_given(char **environment, const char *name)
{
	return conf_is_set(&settings_table, environment, name);
}

static void
take_projects(struct settings *s, char **environment, struct str value, const char *variable,
	      struct conf_problems *problems)
{
	static const char *const ours = "AUTHORIZATION=project, PROJECT and PROJECT_ACCESS_LEVEL";
	struct err e = ERR_INIT;

	if (is_given(environment, "AUTHORIZATION") || is_given(environment, "PROJECT") ||
	    is_given(environment, "PROJECT_ACCESS_LEVEL")) {
		conf_problem(problems, variable,
			     "in addition to our own settings; expected %s alone", ours);
		return;
	}
	if (!read_project(value, s, &e)) {
		conf_problem(problems, variable,
			     "not one project such as group/project=30; expected %s (" PAGE ")",
			     ours);
		return;
	}
	/* Whoever names a workspace means its owner as well: never less strict than either. */
	s->auth.modes = AUTH_MODE_PROJECT |
			(is_given(environment, "WORKSPACE_ID") ? AUTH_MODE_WORKSPACE : 0u);
	conf_note(problems, variable, "taken as %sproject, PROJECT=%s, PROJECT_ACCESS_LEVEL=%u",
		  (s->auth.modes & AUTH_MODE_WORKSPACE) != 0 ? "AUTHORIZATION=workspace+"
							     : "AUTHORIZATION=",
		  s->auth.project, (unsigned)s->auth.project_access_level);
}

void
settings_take_foreign(struct settings *s, char **environment, struct conf_problems *problems)
{
	for (char **entry = environment; *entry != NULL; entry++) {
		struct str whole = str_from(*entry);
		size_t equals = str_find_byte(whole, '=');
		struct str name = str_take(whole, equals);
		char variable[VARIABLE_MAX];

		if (equals == SIZE_MAX || equals + 1 == whole.len ||
		    !str_starts_with(name, STR(SETTINGS_FOREIGN)) ||
		    !is_projects(str_skip(name, strlen(SETTINGS_FOREIGN))))
			continue;
		(void)snprintf(variable, sizeof(variable), "%.*s", STR_FMT(name));
		take_projects(s, environment, str_skip(whole, equals + 1), variable, problems);
	}
}

void
settings_check_foreign(char **environment, struct conf_problems *problems)
{
	for (char **entry = environment; *entry != NULL; entry++) {
		struct str whole = str_from(*entry);
		size_t equals = str_find_byte(whole, '=');
		struct str name = str_take(whole, equals);
		char variable[VARIABLE_MAX];

		if (equals == SIZE_MAX || equals + 1 == whole.len ||
		    !str_starts_with(name, STR(SETTINGS_FOREIGN)))
			continue;
		(void)snprintf(variable, sizeof(variable), "%.*s", STR_FMT(name));
		check_variable(str_skip(name, strlen(SETTINGS_FOREIGN)),
			       str_skip(whole, equals + 1), variable, problems);
	}
}
