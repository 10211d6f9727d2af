/* SPDX-License-Identifier: Apache-2.0 */
/*
 * oauth2-proxy's settings without a counterpart: a restriction is never ignored.
 */
#include "proxy/settings/settings_foreign.h"

#include "base/url.h"
#include "proxy/settings/settings_table.h"

#define PAGE	     "docs/from-oauth2-proxy.md"
#define VARIABLE_MAX 96
#define ISSUER_MAX   4096u
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* What oauth2-proxy would not let in, or not run with. */
static const struct {
	const char *name;
	const char *harmless; /* a value that restricts nothing, or NULL */
	const char *expected;
} restrictions[] = {
	{"GITLAB_GROUPS", NULL, "AUTHORIZATION=project and PROJECT, a project of the group"},
	{"GITLAB_GROUP", NULL, "AUTHORIZATION=project and PROJECT, a project of the group"},
	{"GITLAB_PROJECTS", NULL, "AUTHORIZATION=project, PROJECT and PROJECT_ACCESS_LEVEL"},
	{"GITLAB_PROJECT", NULL, "AUTHORIZATION=project, PROJECT and PROJECT_ACCESS_LEVEL"},
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
	if (!check_restriction(name, value, variable, problems) && !is_alias(str_from(variable)))
		conf_note(problems, variable, "ignored: there is no setting of this meaning");
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
