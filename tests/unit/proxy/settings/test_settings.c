/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table of settings and the checks between them: a valid configuration, and single changes that
 * must be reported; secrets must not be printed. Settings of the clone, the relay and injection are
 * in test_settings_<subject>.c.
 */
#include <unistd.h>

#include "base/conf/conf_value.h"
#include "proxy/command/command.h"
#include "tests/unit/proxy/settings/settings_support.h"

static void
test_table(void **state)
{
	struct conf_cursor at = {0};
	const struct conf_setting *row;

	(void)state;
	while ((row = conf_next(&settings_table, &at)) != NULL) {
		struct conf_cursor before = {0};
		const struct conf_setting *other;
		char expected[CONF_EXPECTED_MAX];
		assert_int_equal(row->commands == 0, (row->flags & CONF_REFUSED) != 0);
		assert_int_equal(row->required & ~row->commands, 0);
		assert_non_null(row->text);
		conf_value_describe(row, expected, sizeof(expected));
		assert_true(strlen(expected) < sizeof(expected) - 1);
		if (row->type == CONF_CUSTOM)
			assert_true(row->parse != NULL && row->format != NULL &&
				    row->expected != NULL);
		while ((other = conf_next(&settings_table, &before)) != row)
			assert_string_not_equal(row->name, other->name);
	}
}

#define SSH_KEY "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGHbeY0dNWvcmLqPSJ0J1Nw4ZqRbEBhA9ZBAfB4xGqFq"

static void
test_ssh_upstream(void **state)
{
	struct fixture *f = *state;

	set(f, "SSH_UPSTREAM=[::1]:60022");
	set(f, "SSH_UPSTREAM_HOST_KEY=" SSH_KEY " root@image");
	load(f, SETTINGS_SERVE);
	assert_fine(f);
	assert_string_equal(f->s->ssh.upstream_host_key, SSH_KEY);
	assert_string_equal(f->s->ssh.upstream_user, "gitlab-workspaces");
	set(f, "SSH_SOCKET=/run/ssh.sock");
	load(f, SETTINGS_SERVE);
	assert_problem(f, "SSH_UPSTREAM", "set together with SSH_SOCKET");
}

static void
test_defaults(void **state)
{
	struct fixture *f = *state;
	load(f, SETTINGS_SERVE);
	assert_fine(f);
	const struct settings *s = f->s;
	assert_false(address_is_set(&s->https_address));
	assert_int_equal(address_port(&s->http_address), 8080);
	assert_int_equal(address_port(&s->admin_address), 9877);
	assert_int_equal(address_port(&s->upstream.addresses[0]), 60001);
	assert_int_equal(s->auth.external_url.path.len, 0);
	assert_int_equal(s->auth.gitlab_url.path.len, 0);
	assert_int_equal(s->auth.gitlab_api_url.host.len, 0);
	assert_int_equal(s->auth.redirect_url.host.len, 0);
	assert_null(s->auth.client_secret);
	assert_string_equal(s->auth.prefix, "/oauth2");
	assert_string_equal(s->strict_transport_security, "max-age=31536000");
	assert_string_equal(s->auth.cookie_name, "__Host-workspace-proxy");
	assert_string_equal(s->auth.scope, "openid read_user read_api write_repository");
	assert_int_equal(s->auth.cookie_keys.count, 1);
	assert_int_equal(s->auth.modes, AUTH_MODE_WORKSPACE);
	assert_int_equal(s->auth.workspace_id, 7);
	assert_int_equal(s->auth.cookie_expire_ms, 86400000);
	assert_int_equal(s->auth.session_idle_ms, 14400000);
	assert_int_equal(s->auth.authorization_interval_ms, 60000);
	assert_int_equal(s->auth.authorization_grace_ms, 600000);
	assert_int_equal(s->clone.url.host.len, 0);
	assert_int_equal(s->head_max_bytes, 32768);
	assert_int_equal(s->drain_timeout_ms, 30000);
	assert_int_equal(s->log_level, LOG_INFO);
	assert_int_equal(s->log_format, LOG_JSON);
	assert_true(s->access_log);
	assert_int_equal(f->problems.notes_count, 0);
}

static void
test_all_at_once(void **state)
{
	struct fixture *f = *state;
	clear(f);
	set(f, "LOG_LEVEL=loud");
	load(f, SETTINGS_SERVE);
	/* EXTERNAL_URL, GITLAB_URL, CLIENT_ID, COOKIE_SECRET, LOG_LEVEL, listener, WORKSPACE_ID */
	assert_int_equal(f->problems.count, 7);
}

/* A change to the working configuration, the setting that is reported, words of the report. */
static const char *const mistakes[][3] = {
	{"EXTERNAL_URL=http://kiwi.example.com", "EXTERNAL_URL", "expected https"},
	{"CREDENTIAL_SOCKET=/nonexistent/git.sock", "CREDENTIAL_SOCKET", "existing directory"},
	{"CREDENTIAL_SOCKET=git.sock", "CREDENTIAL_SOCKET", "absolute"},
	{"SSH_SOCKET=ssh.sock", "SSH_SOCKET", "absolute"},
	{"SSH_UPSTREAM=10.0.0.1:22", "SSH_UPSTREAM", "expected a loopback address"},
	{"SSH_UPSTREAM=:22", "SSH_UPSTREAM", "expected a loopback address"},
	{"SSH_UPSTREAM=unix:/run/sshd", "SSH_UPSTREAM", "expected a loopback address"},
	{"SSH_UPSTREAM=127.0.0.1:0", "SSH_UPSTREAM", "expected a loopback address"},
	{"SSH_UPSTREAM=localhost:60022", "SSH_UPSTREAM_HOST_KEY", "needed together with"},
	{"SSH_UPSTREAM_HOST_KEY=ssh-rsa AAAA", "SSH_UPSTREAM_HOST_KEY", "expected a public key"},
	{"SSH_UPSTREAM_USER=a b", "SSH_UPSTREAM_USER", "expected a user name"},
	{"SSH_UPSTREAM_USER=coder", "SSH_UPSTREAM_USER", "needs SSH_UPSTREAM"},
	{"CREDENTIAL_UID=4294967295", "CREDENTIAL_UID", "4294967294"},
	{"EXTERNAL_URL=https://kiwi.example.com/ide", "EXTERNAL_URL", "without path and query"},
	{"EXTERNAL_URL=https://kiwi.example.com/?x=1", "EXTERNAL_URL", "query"},
	{"EXTERNAL_URL=kiwi.example.com", "EXTERNAL_URL", "an https origin"},
	{"HTTPS_ADDRESS=:8443", "HTTPS_ADDRESS", "needs TLS_CERT_FILE"},
	{"HTTP_ADDRESS=off", "HTTPS_ADDRESS", "no public listener"},
	{"HTTP_ADDRESS=example.com:80", "HTTP_ADDRESS", "numeric"},
	{"HTTP_ADDRESS=:9877", "ADMIN_ADDRESS", "conflicts with"},
	{"STRICT_TRANSPORT_SECURITY=on", "STRICT_TRANSPORT_SECURITY", "max-age"},
	{"STRICT_TRANSPORT_SECURITY=max-age", "STRICT_TRANSPORT_SECURITY", "max-age"},
	{"STRICT_TRANSPORT_SECURITY=max-age=-1", "STRICT_TRANSPORT_SECURITY", "max-age"},
	{"STRICT_TRANSPORT_SECURITY=max-age=1;", "STRICT_TRANSPORT_SECURITY", "max-age"},
	{"STRICT_TRANSPORT_SECURITY=max-age=1; max-age=2", "STRICT_TRANSPORT_SECURITY", "max-age"},
	{"STRICT_TRANSPORT_SECURITY=includeSubDomains", "STRICT_TRANSPORT_SECURITY", "max-age"},
	{"STRICT_TRANSPORT_SECURITY=max-age=1; preload; preload", "STRICT_TRANSPORT_SECURITY",
	 "max-age"},
	{"STRICT_TRANSPORT_SECURITY=max-age=1; other", "STRICT_TRANSPORT_SECURITY", "max-age"},
	{"HTTP_ADDRESS=:60001", "UPSTREAM", "the proxy's own"},
	{"GITLAB_URL=http://gitlab.example.com", "GITLAB_URL", "expected https"},
	{"GITLAB_URL=https://gitlab.example.com/?x", "GITLAB_URL", "query"},
	{"GITLAB_API_URL=https://a/?x", "GITLAB_API_URL", "query"},
	{"GITLAB_CA_FILE=/nonexistent", "GITLAB_CA_FILE", "No such file"},
	{"GITLAB_CA_FILE=/tmp", "GITLAB_CA_FILE", "not a regular file"},
	{"GITLAB_CA_FILE=/etc/passwd", "GITLAB_CA_FILE", "expected at least one certificate"},
	{"UPSTREAM=ftp://127.0.0.1:1", "UPSTREAM", "neither https:// nor http://"},
	{"UPSTREAM=https://10.1.2.3:1", "UPSTREAM", "on loopback only"},
	{"UPSTREAM=https://ide:1", "UPSTREAM", "on loopback only"},
	{"PORTS=3000,tls:1", "PORTS", "part 2: it is not a port"},
	{"UPSTREAM=http://127.0.0.1:1/ide", "UPSTREAM", "path"},
	{"UPSTREAM=http://ide:1", "UPSTREAM", "\"ide\" is a host name"},
	{"UPSTREAM_HOSTS=ide,-x", "UPSTREAM_HOSTS", "neither a host name nor an IP address"},
	{"UPSTREAM_HOSTS=10.0.0.0/8", "UPSTREAM_HOSTS", "neither a host name nor an IP address"},
	{"UPSTREAM_HOSTS=*.example.com", "UPSTREAM_HOSTS", "neither a host name nor"},
	{"UPSTREAM_HOSTS=a,b,c,d,e,f,g,h,i,j,k,l,m,n,o,p,q", "UPSTREAM_HOSTS", "more than 16"},
	{"REDIRECT_URL=https://kiwi.ws.example.com/cb", "REDIRECT_URL", "/oauth2/callback"},
	{"REDIRECT_URL=http://relay.example.com/cb", "REDIRECT_URL", "expected https"},
	{"REDIRECT_URL=https://relay.example.com/cb?x", "REDIRECT_URL", "query"},
	{"PROXY_PREFIX=/", "PROXY_PREFIX", "not a path"},
	{"PROXY_PREFIX=oauth2", "PROXY_PREFIX", "not a path"},
	{"PROXY_PREFIX=/oauth2/", "PROXY_PREFIX", "plain"},
	{"PROXY_PREFIX=/a/../b", "PROXY_PREFIX", "plain"},
	{"PROXY_PREFIX=/a%2fb", "PROXY_PREFIX", "plain"},
	{"SCOPE=read_user read_api", "SCOPE", "openid is missing"},
	{"SCOPE=openid  read_api", "SCOPE", "single spaces"},
	{"SCOPE=openid email profile", "SCOPE", "expected read_api, or api"},
	{"SCOPE=openid read_user", "SCOPE", "expected read_api, or api"},
	{"COOKIE_NAME=_session", "COOKIE_NAME", "__Host-"},
	{"COOKIE_NAME=__Host-", "COOKIE_NAME", "empty"},
	{"COOKIE_NAME=__Host-a b", "COOKIE_NAME", "no token"},
	{"SESSION_IDLE=25h", "SESSION_IDLE", "longer than COOKIE_EXPIRE"},
	{"AUTHORIZATION=anybody", "AUTHORIZATION", "unknown mode"},
	{"AUTHORIZATION=workspace+", "AUTHORIZATION", "unknown mode"},
	{"AUTHORIZATION=project", "PROJECT", "needed by"},
	{"AUTHORIZATION=workspace+owner", "OWNER_ID", "needed by"},
	{"AUTHORIZATION=group", "GROUP", "needed by"},
	{"AUTHORIZATION=workspace+users", "USERS", "needed by"},
	{"GROUP=a,b", "GROUP", "neither an id nor a path of one group"},
	{"GROUP=a//b", "GROUP", "neither an id nor a path"},
	{"GROUP=../a", "GROUP", "neither an id nor a path"},
	{"GROUP=0", "GROUP", "neither an id"},
	{"GROUP=99999999999999999999", "GROUP", "neither an id"},
	{"GROUP_ACCESS_LEVEL=0", "GROUP_ACCESS_LEVEL", "5"},
	{"USERS=sasha,,robin", "USERS", "user 2 is neither an id"},
	{"USERS=sasha,@robin", "USERS", "user 2 is neither an id"},
	{"USERS=sasha@example.com", "USERS", "user 1 is neither an id"},
	{"USERS=0", "USERS", "user 1 is neither an id"},
	{"SKIP_AUTH_ROUTES=GET=^/x", "SKIP_AUTH_ROUTES", "API_TOKENS=on"},
	{"WORKSPACE_ID=0", "WORKSPACE_ID", "of at least 1"},
	{"WORKSPACE_ID=", "WORKSPACE_ID", "needed by"},
	{"PROJECT=one", "PROJECT", "no group"},
	{"PROJECT=a/../b", "PROJECT", "neither an id nor a path"},
	{"CLONE_DIR=/", "CLONE_DIR", "below the root"},
	{"CLONE_REF=--upload-pack=x", "CLONE_REF", "not the name of a ref"},
	{"CLONE_REF=a..b", "CLONE_REF", "not the name of a ref"},
	{"CLONE_REF=a b", "CLONE_REF", "characters"},
	{"CLONE_URL=https://gitlab.example.com/a/b.git", "CLONE_DIR", "needed with"},
	{"TLS_CERT_FILE=/dev/null", "TLS_KEY_FILE", "needed together"},
	{"CLONE_DEPTH=-1", "CLONE_DEPTH", "0"},
	{"CLONE_SUBMODULES=on", "CLONE_SUBMODULES", "10"},
	{"RELAY_URL=https://relay.example.com", "RELAY_KEY", "needed with"},
	{("RELAY_KEY=" KEY_B), "RELAY_URL", "needed with"},
	{"RELAY_MASTER_KEY=anything", "RELAY_MASTER_KEY", "belongs to the relay alone"},
	{"PORTS=0", "PORTS", "it is not a port"},
	{"PORTS=3000,08000", "PORTS", "part 2: it is not a port"},
	{"PORTS=3000-2999", "PORTS", "end is below its start"},
	{"PORTS=3000,8080", "PORTS", "8080 is the proxy's own WORKSPACE_PROXY_HTTP_ADDRESS"},
	{"IDE_PROBES=liveness=1s", "IDE_PROBES", "expected a timeout"},
	{"IDE_PROBES=liveness=1s,http:9877/probe/liveness", "IDE_PROBES",
	 "liveness: 9877 is the proxy's own WORKSPACE_PROXY_ADMIN_ADDRESS"},
	{"PORTS=9877", "PORTS", "9877 is the proxy's own WORKSPACE_PROXY_ADMIN_ADDRESS"},
	{"SESSION_IDEL=1h", "SESSION_IDEL", "did you mean WORKSPACE_PROXY_SESSION_IDLE"},
};

static void
test_one_mistake_is_one_problem(void **state)
{
	struct fixture *f = *state;
	for (size_t i = 0; i < sizeof(mistakes) / sizeof(mistakes[0]); i++) {
		reset(f);
		set(f, mistakes[i][0]);
		load(f, SETTINGS_SERVE);
		if (strcmp(mistakes[i][1], "TLS_KEY_FILE") == 0) /* and /dev/null is no file */
			assert_int_equal(f->problems.count, 2);
		else
			assert_problem(f, mistakes[i][1], mistakes[i][2]);
	}
}

static void
test_accepted(void **state)
{
	static const char *const cases[] = {
		"EXTERNAL_URL=https://kiwi.example.com:8443/",
		"GITLAB_URL=http://127.0.0.1:3000/gitlab/",
		"GITLAB_URL=http://localhost:3000",
		"GITLAB_URL=http://[::1]:3000",
		"UPSTREAM=http://localhost:8888/",
		"UPSTREAM=http://[::1]:8888",
		"UPSTREAM=https://localhost:8888",
		"UPSTREAM=https://[::1]:8888",
		"UPSTREAM=unix:/run/ide.sock",
		"ADMIN_ADDRESS=off",
		"REDIRECT_URL=https://kiwi.ws.example.com/oauth2/callback",
		"PROXY_PREFIX=/a/b-c.d",
		"AUTHORIZATION=workspace+workspace",
		"PROJECT=12",
		"GROUP=12",
		"GROUP=company",
		"GROUP=company/team.one",
		"USERS= Sasha_K , 1042,a.b-c",
		"PROJECT=group/sub.group/project_1",
		"CLONE_REF=feature/x@1",
		("COOKIE_SECRET=" KEY_A "," KEY_B),
	};
	struct fixture *f = *state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		reset(f);
		set(f, cases[i]);
		load(f, SETTINGS_SERVE);
		assert_fine(f);
	}
	assert_int_equal(f->s->auth.cookie_keys.count, 2);
}

static void
test_ranges_exclude_our_own_ports(void **state)
{
	struct fixture *f = *state;

	set(f, "PORTS=3000,8000-8999");
	load(f, SETTINGS_SERVE);
	assert_fine(f);
	assert_true(ports_contain(&f->s->auth.ports, 8079));
	assert_false(ports_contain(&f->s->auth.ports, 8080)); /* HTTP_ADDRESS */
	assert_true(ports_contain(&f->s->auth.ports, 8081));
}

static void
test_notes(void **state)
{
	static const char *const cases[][2] = {
		{"GITLAB_URL=http://gdk.test:3000", "GITLAB_URL: plain http"},
		{"GITLAB_API_URL=http://webservice.gitlab.svc:8181", "GITLAB_API_URL: plain http"},
		{"REDIRECT_URL=https://relay.example.com/cb", "/oauth2/callback"},
	};
	struct fixture *f = *state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		reset(f);
		set(f, cases[i][0]);
		load(f, SETTINGS_SERVE);
		assert_fine(f);
		assert_int_equal(f->problems.notes_count, 1);
		assert_non_null(strstr(f->problems.notes[0].text, cases[i][1]));
	}
}

/* All of them are the bytes 0 to 31. */
static void
test_cookie_secret_forms(void **state)
{
	static const char *const good[] = {
		"COOKIE_SECRET=AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8",
		"COOKIE_SECRET=AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=",
		"COOKIE_SECRET=000102030405060708090A0B0C0D0E0F101112131415161718191a1b1c1d1e1f",
	};
	struct fixture *f = *state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		set(f, good[i]);
		load(f, SETTINGS_SERVE);
		assert_fine(f);
		struct str key = secret_view(f->s->auth.cookie_keys.keys[0]);
		assert_int_equal(key.len, 32);
		for (size_t j = 0; j < key.len; j++)
			assert_int_equal(key.data[j], j);
	}
	set(f, "COOKIE_SECRET=++++++++++++++++++++++++++++++++++++++++//8=");
	load(f, SETTINGS_SERVE);
	assert_fine(f);
}

static void
test_cookie_secret_refused(void **state)
{
	static const char *const bad[] = {
		"COOKIE_SECRET=" CANARY,
		/* 16 bytes, as oauth2-proxy may. */
		"COOKIE_SECRET=" CANARY "wQFBgcICQoLDA0ODw",
		/* Loose end bits. */
		"COOKIE_SECRET=" CANARY "QFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh9",
		"COOKIE_SECRET=" KEY_A "," CANARY,
		"COOKIE_SECRET=" KEY_A ",",
		"COOKIE_SECRET=" KEY_A "," KEY_A,
		"COOKIE_SECRET=" KEY_A "," KEY_B "," CANARY,
		"COOKIE_SECRET=0000000000000000000000000000000000000000000000000000000000000000",
	};
	struct fixture *f = *state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		set(f, bad[i]);
		load(f, SETTINGS_SERVE);
		assert_problem(f, "COOKIE_SECRET", "expected 32 random bytes");
		assert_null(strstr(f->problems.items[0].text, CANARY));
		assert_null(strstr(f->problems.items[0].text, "0405"));
	}
}

static char *
check(struct fixture *f, int code)
{
	char *text = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&text, &len);
	assert_non_null(out);
	assert_int_equal(command_check_settings(f->environment, SETTINGS_SERVE, out, out), code);
	assert_int_equal(fclose(out), 0);
	return text;
}

static void
test_check(void **state)
{
	struct fixture *f = *state;
	set(f, "CLIENT_SECRET=" CANARY);
	set(f, "CLONE_TOKEN=" CANARY);
	set(f, "AUTHORIZATION=workspace+group");
	set(f, "GROUP=company/team");
	char *text = check(f, 0);
	assert_non_null(strstr(text, "\n# POST /api/graphql: the owner of workspace 7\n"));
	assert_non_null(strstr(text, "\n# GET /api/v4/groups/company%2Fteam/members/all/<id>: "
				     "active, with access level 30 or more\n"));
	assert_null(strstr(text, CANARY));
	assert_null(strstr(text, "0405"));
	assert_non_null(strstr(text, "\nWORKSPACE_PROXY_CLIENT_SECRET=set\n"));
	assert_non_null(strstr(text, "\nWORKSPACE_PROXY_COOKIE_SECRET=set (1 key)\n"));
	assert_non_null(strstr(text, "\nWORKSPACE_PROXY_AUTHORIZATION=workspace+group\n"));
	assert_non_null(strstr(text, "\nWORKSPACE_PROXY_UPSTREAM=http://127.0.0.1:60001\n"));
	assert_non_null(strstr(text, "\nWORKSPACE_PROXY_SESSION_IDLE=4h\n"));
	assert_non_null(strstr(text, "\n# WORKSPACE_PROXY_CLONE_URL: off\n"));
	free(text);

	set(f, "COOKIE_SECRET=" CANARY);
	set(f, "CLIENT_SECRET_FILE=" CANARY);
	set(f, "CLIENT_SECERT=" CANARY);
	set(f, "SESSION_IDLE=9999h");
	text = check(f, 1);
	assert_null(strstr(text, CANARY));
	assert_non_null(strstr(text, "\nWORKSPACE_PROXY_SESSION_IDLE: got \"9999h\""));
	assert_null(strstr(text, "CLIENT_SECRET=set"));
	free(text);
}

static void
test_short_sessions(void **state)
{
	struct fixture *f = *state;
	set(f, "COOKIE_EXPIRE=1h");
	load(f, SETTINGS_SERVE);
	assert_fine(f);
	assert_int_equal(f->s->auth.session_idle_ms, 3600000);
}

/* The content of readable files is checked. */
static void
test_tls_files(void **state)
{
	struct fixture *f = *state;
	char path[] = "/tmp/settings-test-XXXXXX";
	char entry[64];
	int fd = mkstemp(path);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, "garbage\n", 8), 8);
	assert_int_equal(close(fd), 0);
	(void)snprintf(entry, sizeof(entry), "TLS_CERT_FILE=%s", path);
	set(f, entry);
	(void)snprintf(entry, sizeof(entry), "TLS_KEY_FILE=%s", path);
	set(f, entry);
	load(f, SETTINGS_SERVE);
	assert_problem(f, "TLS_CERT_FILE", path);

	set(f, "TLS_KEY_FILE=/nonexistent");
	load(f, SETTINGS_SERVE);
	assert_problem(f, "TLS_KEY_FILE", "No such file");
	assert_int_equal(unlink(path), 0);
}

/* A value that did not load must neither crash the checks nor be reported by them again; what it
 * is needed with may be missing as well. */
static void
test_every_value_broken(void **state)
{
	struct fixture *f = *state;
	struct conf_cursor at = {0};
	const struct conf_setting *row;

	while ((row = conf_next(&settings_table, &at)) != NULL) {
		char entry[96];
		if ((row->commands & SETTINGS_SERVE) == 0 && (row->flags & CONF_REFUSED) == 0)
			continue; /* see test_relay_mistakes and test_inject_mistakes */
		reset(f);
		(void)snprintf(entry, sizeof(entry), "%s=\x01", row->name);
		set(f, entry);
		load(f, SETTINGS_SERVE);
		assert_true(f->problems.count > 0 && f->problems.count <= 2);
		f->problems.count = 1;
		assert_problem(f, row->name, "");
	}
}

static void
test_ports(void **state)
{
	static const char *const nameless[] = {"https://localhost", "https://127.0.0.1",
					       "https://[::1]", "https://60001-localhost"};
	struct fixture *f = *state;

	set(f, "PORTS=3000,8000-8079,60001");
	load(f, SETTINGS_SERVE);
	assert_fine(f);
	assert_int_equal(f->s->auth.ports.count, 3);
	for (size_t i = 0; i < sizeof(nameless) / sizeof(nameless[0]); i++) {
		char line[128];

		(void)snprintf(line, sizeof(line), "EXTERNAL_URL=%s", nameless[i]);
		set(f, line);
		load(f, SETTINGS_SERVE);
		assert_problem(f, "PORTS", "https://name.zone");
	}
	/* 57 bytes and "60001-" are one label; one byte more is not. */
	set(f, "EXTERNAL_URL="
	       "https://123456789012345678901234567890123456789012345678901234567.ws.example");
	load(f, SETTINGS_SERVE);
	assert_fine(f);
	set(f, "EXTERNAL_URL="
	       "https://1234567890123456789012345678901234567890123456789012345678.ws.example");
	load(f, SETTINGS_SERVE);
	assert_problem(f, "PORTS", "longer than the 63 bytes");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_table),
		cmocka_unit_test_setup_teardown(test_defaults, setup, teardown),
		cmocka_unit_test_setup_teardown(test_ssh_upstream, setup, teardown),
		cmocka_unit_test_setup_teardown(test_ports, setup, teardown),
		cmocka_unit_test_setup_teardown(test_all_at_once, setup, teardown),
		cmocka_unit_test_setup_teardown(test_one_mistake_is_one_problem, setup, teardown),
		cmocka_unit_test_setup_teardown(test_accepted, setup, teardown),
		cmocka_unit_test_setup_teardown(test_ranges_exclude_our_own_ports, setup, teardown),
		cmocka_unit_test_setup_teardown(test_notes, setup, teardown),
		cmocka_unit_test_setup_teardown(test_cookie_secret_forms, setup, teardown),
		cmocka_unit_test_setup_teardown(test_cookie_secret_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(test_check, setup, teardown),
		cmocka_unit_test_setup_teardown(test_short_sessions, setup, teardown),
		cmocka_unit_test_setup_teardown(test_tls_files, setup, teardown),
		cmocka_unit_test_setup_teardown(test_every_value_broken, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
