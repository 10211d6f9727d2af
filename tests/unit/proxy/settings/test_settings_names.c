/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Settings with oauth2-proxy's names and with names of former versions, and lists of users.
 */
#include <unistd.h>

#include "base/conf/conf_value.h"
#include "proxy/command/command.h"
#include "tests/unit/proxy/settings/settings_support.h"

static void
test_oauth2_proxy_names(void **state)
{
	static const char *const theirs[] = {
		"OIDC_ISSUER_URL=https://gitlab.example.com",
		"CLIENT_ID=id",
		"CLIENT_SECRET=s",
		"COOKIE_SECRET=AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=",
		"COOKIE_EXPIRE=168h0m0s",
		"UPSTREAMS=http://127.0.0.1:8888/",
		"HTTP_ADDRESS=http://0.0.0.0:4180",
		"REDIRECT_URL=https://kiwi.ws.example.com/oauth2/callback"};
	struct fixture *f = *state;
	clear(f);
	set(f, "EXTERNAL_URL=https://kiwi.ws.example.com");
	set(f, "WORKSPACE_ID=7");
	for (size_t i = 0; i < sizeof(theirs) / sizeof(theirs[0]); i++)
		set_variable(f, "OAUTH2_PROXY_", theirs[i]);
	load(f, SETTINGS_SERVE);
	assert_fine(f);
	assert_int_equal(f->problems.notes_count, sizeof(theirs) / sizeof(theirs[0]));
	assert_int_equal(f->s->auth.cookie_expire_ms, 604800000);
	assert_int_equal(address_port(&f->s->upstream.addresses[0]), 8888);
	assert_int_equal(address_port(&f->s->http_address), 4180);

	set_variable(f, "OAUTH2_PROXY_", "COOKIE_REFRESH=1h");
	load(f, SETTINGS_SERVE);
	assert_fine(f);
	assert_string_equal(
		f->problems.notes[f->problems.notes_count - 1].text,
		"OAUTH2_PROXY_COOKIE_REFRESH: ignored: there is no corresponding setting");
	set_variable(f, "OAUTH2_PROXY_", "SKIP_AUTH_ROUTES=GET=^/x");
	set_variable(f, "OAUTH2_PROXY_", "SKIP_AUTH_REGEX=^/x");
	load(f, SETTINGS_SERVE);
	assert_int_equal(f->problems.count, 2);
	assert_non_null(strstr(f->problems.items[0].text, "no path is open without a session"));
}

/* Variables that restrict access in oauth2-proxy must not be ignored. */
static void
test_foreign_restrictions(void **state)
{
	static const char *const refused[][2] = {
		{"GITLAB_GROUPS=" CANARY ",b", "GROUP_ACCESS_LEVEL"},
		{"ALLOWED_GROUPS=project:a/b", "GROUP_ACCESS_LEVEL"},
		{"GITLAB_PROJECTS=group/a=30,group/b=30", "PROJECT_ACCESS_LEVEL"},
		{"GITLAB_PROJECTS=group/a,group/b", "PROJECT_ACCESS_LEVEL"},
		{"GITLAB_PROJECTS=group/a=70", "PROJECT_ACCESS_LEVEL"},
		{"GITLAB_PROJECTS=group/a=developer", "PROJECT_ACCESS_LEVEL"},
		{"GITLAB_PROJECTS=a", "PROJECT_ACCESS_LEVEL"},
		{"ALLOWED_GROUPS=a,b", "one group such as"},
		{"AUTHENTICATED_EMAILS_FILE=/etc/emails", "USERS"},
		{"EMAIL_DOMAINS=example.com", "AUTHORIZATION"},
		{"HTPASSWD_FILE=/etc/htpasswd", "AUTHORIZATION"},
		{"CONFIG=/etc/oauth2-proxy.cfg", "environment variables"},
		{"PROVIDER=github", "no other provider"},
		{"OIDC_ISSUER_URL=https://accounts.google.com", "not GitLab"},
		{"OIDC_ISSUER_URL=https://sso.example.com/realms/main", "not GitLab"},
	};
	static const char *const fine[] = {"EMAIL_DOMAINS=*", "PROVIDER=gitlab", "PROVIDER=oidc",
					   "GITLAB_GROUPS="};
	struct fixture *f = *state;

	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
		reset(f);
		if (strstr(refused[i][0], "ISSUER") != NULL)
			set(f, "GITLAB_URL=");
		set_variable(f, "OAUTH2_PROXY_", refused[i][0]);
		load(f, SETTINGS_SERVE);
		assert_int_equal(f->problems.count, 1);
		assert_non_null(strstr(f->problems.items[0].text, refused[i][1]));
		assert_null(strstr(f->problems.items[0].text, CANARY));
	}
	for (size_t i = 0; i < sizeof(fine) / sizeof(fine[0]); i++) {
		reset(f);
		set_variable(f, "OAUTH2_PROXY_", fine[i]);
		load(f, SETTINGS_SERVE);
		assert_fine(f);
		assert_int_equal(f->problems.notes_count, 0);
	}
}

static void
test_upstream_names(void **state)
{
	struct fixture *f = *state;
	struct err e = ERR_INIT;
	struct address link_local;

	set(f, "UPSTREAM=http://IDE_1.Local:8080/");
	set(f, "UPSTREAM_HOSTS=other, ide_1.LOCAL ,169.254.7.7");
	load(f, SETTINGS_SERVE);
	assert_fine(f);
	assert_string_equal(f->s->upstream.name, "ide_1.local");
	assert_int_equal(f->s->upstream.port, 8080);
	assert_int_equal(f->s->upstream.count, 0);
	assert_true(address_from_host(&link_local, STR("169.254.7.7"), 8080, &e));
	assert_true(cidr_contains(&f->s->upstream_hosts.addresses, &link_local));
	/* Exact names only. */
	set(f, "UPSTREAM=http://x.other:8080");
	load(f, SETTINGS_SERVE);
	assert_problem(f, "UPSTREAM", "\"x.other\" is a host name");
	set(f, "UPSTREAM=http://other:8080");
	set(f, "PORTS=3000");
	load(f, SETTINGS_SERVE);
	assert_fine(f);
	assert_int_equal(f->problems.notes_count, 1);
	assert_non_null(strstr(f->problems.notes[0].text, "ports are those of this container"));
}

static void
test_risky_and_useless_values_are_noted(void **state)
{
	struct fixture *f = *state;

	set(f, "COMPRESS_TYPES=text/css, Text/HTML");
	load(f, SETTINGS_SERVE);
	assert_fine(f);
	assert_int_equal(f->problems.notes_count, 1);
	assert_non_null(strstr(f->problems.notes[0].text, "COMPRESS_TYPES: private HTML"));
	set(f, "COMPRESS=off");
	load(f, SETTINGS_SERVE);
	assert_int_equal(f->problems.notes_count, 0);
	set(f, "HTTP2=on"); /* without TLS */
	load(f, SETTINGS_SERVE);
	assert_fine(f);
	assert_int_equal(f->problems.notes_count, 1);
	assert_non_null(strstr(f->problems.notes[0].text, "HTTP2: has no effect"));
	set(f, "TRUSTED_PROXY_IPS=10.0.0.0/8");
	load(f, SETTINGS_SERVE);
	assert_int_equal(f->problems.notes_count, 0);
}

static void
test_oauth2_proxy_project(void **state)
{
	struct fixture *f = *state;

	set(f, "WORKSPACE_ID=");
	set_variable(f, "OAUTH2_PROXY_", "GITLAB_PROJECTS=group/sub/project=40");
	load(f, SETTINGS_SERVE);
	assert_fine(f);
	assert_int_equal(f->s->auth.modes, AUTH_MODE_PROJECT);
	assert_string_equal(f->s->auth.project, "group/sub/project");
	assert_int_equal(f->s->auth.project_access_level, 40);
	assert_int_equal(f->problems.notes_count, 1);
	assert_string_equal(f->problems.notes[0].text,
			    "OAUTH2_PROXY_GITLAB_PROJECTS: taken as AUTHORIZATION=project, "
			    "PROJECT=group/sub/project, PROJECT_ACCESS_LEVEL=40");
	/* oauth2-proxy's default level; with a workspace both must hold. */
	set_variable(f, "OAUTH2_PROXY_", "GITLAB_PROJECTS=group/project");
	set(f, "WORKSPACE_ID=7");
	load(f, SETTINGS_SERVE);
	assert_fine(f);
	assert_int_equal(f->s->auth.modes, AUTH_MODE_PROJECT | AUTH_MODE_WORKSPACE);
	assert_int_equal(f->s->auth.project_access_level, 20);
	/* Two rules, where only one can be translated. */
	set(f, "PROJECT=group/other");
	load(f, SETTINGS_SERVE);
	assert_int_equal(f->problems.count, 1);
	assert_non_null(strstr(f->problems.items[0].text, "in addition to another rule"));
}

static void
test_users(void **state)
{
	struct fixture *f = *state;
	char text[600];
	size_t len;

	set(f, "AUTHORIZATION=users");
	set(f, "USERS= Sasha_K , 1042");
	load(f, SETTINGS_SERVE);
	assert_fine(f);
	assert_int_equal(f->s->auth.modes, AUTH_MODE_USERS);
	assert_string_equal(f->s->auth.users, "Sasha_K,1042");
	len = (size_t)snprintf(text, sizeof(text), "USERS=1");
	for (size_t i = 0; i < 63; i++)
		len += (size_t)snprintf(text + len, sizeof(text) - len, ",1234");
	set(f, text);
	load(f, SETTINGS_SERVE);
	assert_fine(f);
	(void)snprintf(text + len, sizeof(text) - len, ",1");
	set(f, text);
	load(f, SETTINGS_SERVE);
	assert_problem(f, "USERS", "more than 64 users");
}

static void
test_oauth2_proxy_values(void **state)
{
	struct fixture *f = *state;

	set(f, "COOKIE_SECRET=0123456789abcdef,123456789abcdef");
	set_variable(f, "OAUTH2_PROXY_", "COOKIE_NAME=_oauth2_proxy");
	set(f, "EXTERNAL_URL=");
	set(f, "REDIRECT_URL=https://kiwi.ws.example.com/oauth2/callback");
	load(f, SETTINGS_SERVE);
	assert_fine(f);
	assert_int_equal(f->s->auth.cookie_keys.count, 1);
	assert_true(str_equal(secret_view(f->s->auth.cookie_keys.keys[0]),
			      STR("0123456789abcdef,123456789abcdef")));
	assert_string_equal(f->s->auth.cookie_name, "__Host-workspace-proxy");
	assert_true(str_equal(f->s->auth.external_url.host, STR("kiwi.ws.example.com")));
	assert_int_equal(f->s->auth.external_url.path.len, 0);

	set(f, "COOKIE_SECRET=xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx");
	load(f, SETTINGS_SERVE);
	assert_problem(f, "COOKIE_SECRET", "all bytes of the key are the same");
	reset(f);
	set(f, "EXTERNAL_URL=");
	set(f, "REDIRECT_URL=https://kiwi.ws.example.com/elsewhere");
	load(f, SETTINGS_SERVE);
	assert_problem(f, "EXTERNAL_URL", "required, but not set");
}

/* No port that leads to the IDE is shared, by whatever address of the pod it is reached. */
static void
test_ports_of_the_ide(void **state)
{
	static const struct {
		const char *upstream;
		uint16_t port;
	} samples[] = {
		{"UPSTREAM=http://127.0.0.1:60001", 60001},
		{"UPSTREAM=http://localhost:60002", 60002},
		{"UPSTREAM=http://[::1]:60003", 60003},
		{"UPSTREAM=https://127.0.0.1:60004", 60004},
		{"UPSTREAM=http://10.1.2.3:60005", 60005},
		{"UPSTREAM=unix:/run/ide", 0},
	};
	struct fixture *f = *state;

	set(f, "EXTERNAL_URL=https://3000-kiwi.ws.example.com");
	for (size_t i = 0; i < sizeof(samples) / sizeof(samples[0]); i++) {
		set(f, samples[i].upstream);
		load(f, SETTINGS_SERVE);
		assert_fine(f);
		assert_int_equal(f->s->auth.ide_ports[0], samples[i].port);
		assert_int_equal(f->s->auth.ide_ports[1], 3000);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_foreign_restrictions, setup, teardown),
		cmocka_unit_test_setup_teardown(test_oauth2_proxy_values, setup, teardown),
		cmocka_unit_test_setup_teardown(test_risky_and_useless_values_are_noted, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_oauth2_proxy_project, setup, teardown),
		cmocka_unit_test_setup_teardown(test_users, setup, teardown),
		cmocka_unit_test_setup_teardown(test_upstream_names, setup, teardown),
		cmocka_unit_test_setup_teardown(test_ports_of_the_ide, setup, teardown),
		cmocka_unit_test_setup_teardown(test_oauth2_proxy_names, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
