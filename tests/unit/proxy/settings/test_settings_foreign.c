/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Five kinds of oauth2-proxy configurations for GitLab, unchanged: each problem names the setting
 * to add or remove, and there are no other problems. A rule for one group is translated.
 */
#include "tests/unit/proxy/settings/settings_support.h"

#define PROBLEMS_MAX  8
#define VARIABLES_MAX 16

struct kind {
	const char *name;
	const char *variables[VARIABLES_MAX];
	const char *problems[PROBLEMS_MAX]; /* a part of each, in their order */
};

static const struct kind kinds[] = {
	{"development on this machine, in an env file",
	 {"PROVIDER=gitlab", "OIDC_ISSUER_URL=https://gitlab.com", "CLIENT_ID=i", "CLIENT_SECRET=s",
	  "COOKIE_SECRET=Zm9vYmFyYmF6cXV4cXV1eHF1dXV4cXV1", "EMAIL_DOMAINS=*",
	  "REDIRECT_URL=http://localhost:4200/oauth2/callback",
	  "SCOPE=read_user openid profile email", "CODE_CHALLENGE_METHOD=S256"},
	 {"EXTERNAL_URL: got \"http://localhost:4200\"; expected https",
	  "HTTPS_ADDRESS: no public listener", "REDIRECT_URL: ", "WORKSPACE_ID: needed",
	  "SCOPE: got \"read_user openid profile email\"; expected read_api"}},
	{"Compose, a service's name and a password file",
	 {"PROVIDER=gitlab", "OIDC_ISSUER_URL=http://gitlab.example.com/",
	  "HTTP_ADDRESS=0.0.0.0:4180", "CLIENT_ID=i", "CLIENT_SECRET=s",
	  "UPSTREAMS=http://frontend:80/", "COOKIE_SECRET=12345678901234567890123456789000",
	  "COOKIE_SECURE=false", "COOKIE_PATH=/", "COOKIE_DOMAINS=.example.com",
	  "SSL_INSECURE_SKIP_VERIFY=true", "HTPASSWD_FILE=/etc/oauth2-proxy/.htpasswd"},
	 {"GITLAB_URL: got \"http://gitlab.example.com\"; expected https",
	  "UPSTREAM: \"frontend\" is a host name", "EXTERNAL_URL: required", "WORKSPACE_ID: needed",
	  "HTPASSWD_FILE: has no meaning here"}},
	{"behind nginx, as auth_request",
	 {"PROVIDER=gitlab", "OIDC_ISSUER_URL=https://gitlab.example.com", "CLIENT_ID=i",
	  "CLIENT_SECRET=s", "COOKIE_SECRET=OQINaROshtE9TcZkNAm5Zs2Pv3xaWytBmc5W7sPX7ws=",
	  "EMAIL_DOMAINS=*", "HTTP_ADDRESS=0.0.0.0:4180", "UPSTREAMS=static://202",
	  "REVERSE_PROXY=true", "SET_XAUTHREQUEST=true", "COOKIE_NAME=_oauth2_proxy",
	  "SCOPE=openid profile email read_api",
	  "REDIRECT_URL=https://app.example.com/oauth2/callback"},
	 {"UPSTREAMS: got \"static://202\"", "WORKSPACE_ID: needed"}},
	{"Compose, for members of a project",
	 {"PROVIDER=gitlab", "OIDC_ISSUER_URL=https://gitlab.example.com", "CLIENT_ID=i",
	  "CLIENT_SECRET=s", "COOKIE_SECRET=OQINaROshtE9TcZkNAm5Zs2Pv3xaWytBmc5W7sPX7ws=",
	  "EMAIL_DOMAINS=*", "HTTP_ADDRESS=0.0.0.0:4180", "UPSTREAMS=http://code-server:8080",
	  "GITLAB_PROJECTS=group/app=30", "REDIRECT_URL=https://code.example.com/oauth2/callback"},
	 {"UPSTREAM: \"code-server\" is a host name"}},
	{"gitlab.com, for members of a group",
	 {"PROVIDER=gitlab", "CLIENT_ID=i", "CLIENT_SECRET=s",
	  "COOKIE_SECRET=OQINaROshtE9TcZkNAm5Zs2Pv3xaWytBmc5W7sPX7ws=", "EMAIL_DOMAINS=*",
	  "HTTP_ADDRESS=:4180", "UPSTREAMS=http://127.0.0.1:8080", "GITLAB_GROUP=group",
	  "SKIP_PROVIDER_BUTTON=true", "REDIRECT_URL=https://app.example.com/oauth2/callback"},
	 {"GITLAB_URL: required"}},
};

static void
load_kind(struct fixture *f, const struct kind *k)
{
	clear(f);
	for (size_t i = 0; i < VARIABLES_MAX && k->variables[i] != NULL; i++)
		set_variable(f, SETTINGS_FOREIGN, k->variables[i]);
	load(f, SETTINGS_SERVE);
}

static void
test_each_kind_as_it_is(void **state)
{
	struct fixture *f = *state;

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		size_t count = 0;

		load_kind(f, &kinds[i]);
		for (; count < PROBLEMS_MAX && kinds[i].problems[count] != NULL; count++) {
			if (count >= f->problems.count ||
			    strstr(f->problems.items[count].text, kinds[i].problems[count]) == NULL)
				fail_msg("%s: problem %zu is not \"%s\"", kinds[i].name, count,
					 kinds[i].problems[count]);
		}
		assert_int_equal(f->problems.count, count);
	}
}

/* One setting more is enough for the fourth. */
static void
test_with_what_is_missing(void **state)
{
	struct fixture *f = *state;

	load_kind(f, &kinds[3]);
	set(f, "UPSTREAM_HOSTS=code-server");
	load(f, SETTINGS_SERVE);
	assert_fine(f);
	assert_string_equal(f->s->upstream.name, "code-server");
	assert_string_equal(f->s->auth.project, "group/app");
	assert_true(str_equal(f->s->auth.external_url.host, STR("code.example.com")));
}

static void
test_oauth2_proxy_group(void **state)
{
	struct fixture *f = *state;

	set(f, "WORKSPACE_ID=");
	set_variable(f, "OAUTH2_PROXY_", "ALLOWED_GROUPS=company/team");
	load(f, SETTINGS_SERVE);
	assert_fine(f);
	assert_int_equal(f->s->auth.modes, AUTH_MODE_GROUP);
	assert_string_equal(f->s->auth.group, "company/team");
	assert_int_equal(f->s->auth.group_access_level, 10);
	assert_int_equal(f->problems.notes_count, 1);
	assert_string_equal(f->problems.notes[0].text,
			    "OAUTH2_PROXY_ALLOWED_GROUPS: taken as AUTHORIZATION=group, "
			    "GROUP=company/team, GROUP_ACCESS_LEVEL=10");
	/* oauth2-proxy requires only one of these rules. */
	set_variable(f, "OAUTH2_PROXY_", "GITLAB_PROJECTS=group/project");
	load(f, SETTINGS_SERVE);
	assert_int_equal(f->problems.count, 1);
	assert_non_null(strstr(f->problems.items[0].text, "in addition to another rule"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_each_kind_as_it_is, setup, teardown),
		cmocka_unit_test_setup_teardown(test_with_what_is_missing, setup, teardown),
		cmocka_unit_test_setup_teardown(test_oauth2_proxy_group, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
