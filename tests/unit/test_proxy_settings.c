/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table of settings and what must hold between them: a configuration that works, then one
 * change each that must be reported; the clone's narrower view; that nothing secret is printed.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/conf_value.h"
#include "proxy/check.h"
#include "proxy/settings_table.h"

#define CANARY "c4nary"
#define KEY_A  "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
#define KEY_B  "ff0102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
#define MAX    32

struct fixture {
	char *environment[MAX + 1];
	size_t count;
	struct conf_problems problems;
	struct settings *s;
};

static const char *const working[] = {
	"EXTERNAL_URL=https://kiwi.ws.example.com",
	"HTTP_ADDRESS=127.0.0.1:8080",
	"GITLAB_URL=https://gitlab.example.com/",
	"CLIENT_ID=id",
	("COOKIE_SECRET=" KEY_A),
	"WORKSPACE_ID=7",
};

static void
set_variable(struct fixture *f, const char *prefix, const char *entry)
{
	char *line = NULL;
	assert_true(asprintf(&line, "%s%s", prefix, entry) > 0);
	size_t name_len = (size_t)(strchr(line, '=') - line) + 1;
	for (size_t i = 0; i < f->count; i++) {
		if (strncmp(f->environment[i], line, name_len) != 0)
			continue;
		free(f->environment[i]);
		f->environment[i] = line;
		return;
	}
	assert_true(f->count < MAX);
	f->environment[f->count++] = line;
}

static void
set(struct fixture *f, const char *entry)
{
	set_variable(f, SETTINGS_PREFIX, entry);
}

static void
clear(struct fixture *f)
{
	settings_free(f->s);
	f->s = NULL;
	for (size_t i = 0; i < f->count; i++)
		free(f->environment[i]);
	memset(f->environment, 0, sizeof(f->environment));
	f->count = 0;
}

static void
reset(struct fixture *f)
{
	clear(f);
	for (size_t i = 0; i < sizeof(working) / sizeof(working[0]); i++)
		set(f, working[i]);
}

static void
load(struct fixture *f, enum settings_scope scope)
{
	settings_free(f->s);
	f->problems.count = 0;
	f->problems.notes_count = 0;
	f->s = settings_load(f->environment, scope, &f->problems);
	assert_int_equal(f->s != NULL, f->problems.count == 0);
}

static int
setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	assert_non_null(f);
	reset(f);
	*state = f;
	return 0;
}

static int
teardown(void **state)
{
	struct fixture *f = *state;
	clear(f);
	free(f);
	return 0;
}

static void
assert_fine(struct fixture *f)
{
	if (f->s == NULL)
		print_error("%s\n", f->problems.items[0].text);
	assert_non_null(f->s);
}

/* One problem, of this setting, whose text holds these words. */
static void
assert_problem(const struct fixture *f, const char *name, const char *words)
{
	char start[128];
	(void)snprintf(start, sizeof(start), "%s%s: ", SETTINGS_PREFIX, name);
	const char *text = f->problems.items[0].text;
	if (f->problems.count != 1 || strncmp(text, start, strlen(start)) != 0 ||
	    strstr(text, words) == NULL)
		fail_msg("%zu problems, the first \"%s\"; expected %s… %s", f->problems.count, text,
			 start, words);
}

static void
test_table(void **state)
{
	(void)state;
	for (size_t i = 0; i < settings_table.count; i++) {
		const struct conf_setting *row = &settings_table.settings[i];
		char expected[CONF_EXPECTED_MAX];
		assert_non_null(row->group);
		assert_non_null(row->text);
		conf_value_describe(row, expected, sizeof(expected));
		assert_true(strlen(expected) < sizeof(expected) - 1);
		if (row->type == CONF_CUSTOM)
			assert_true(row->parse != NULL && row->format != NULL &&
				    row->expected != NULL);
		for (size_t j = 0; j < i; j++)
			assert_string_not_equal(row->name, settings_table.settings[j].name);
	}
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
	assert_int_equal(address_port(&s->upstream), 60001);
	assert_int_equal(s->auth.external_url.path.len, 0);
	assert_int_equal(s->auth.gitlab_url.path.len, 0);
	assert_int_equal(s->auth.gitlab_api_url.host.len, 0);
	assert_int_equal(s->auth.redirect_url.host.len, 0);
	assert_null(s->auth.client_secret);
	assert_string_equal(s->auth.prefix, "/oauth2");
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
	{"CREDENTIAL_UID=4294967295", "CREDENTIAL_UID", "4294967294"},
	{"EXTERNAL_URL=https://kiwi.example.com/ide", "EXTERNAL_URL", "without path and query"},
	{"EXTERNAL_URL=https://kiwi.example.com/?x=1", "EXTERNAL_URL", "query"},
	{"EXTERNAL_URL=kiwi.example.com", "EXTERNAL_URL", "an https origin"},
	{"HTTPS_ADDRESS=:8443", "HTTPS_ADDRESS", "needs TLS_CERT_FILE"},
	{"HTTP_ADDRESS=off", "HTTPS_ADDRESS", "no public listener"},
	{"HTTP_ADDRESS=example.com:80", "HTTP_ADDRESS", "numeric"},
	{"HTTP_ADDRESS=:9877", "ADMIN_ADDRESS", "in the way of"},
	{"HTTP_ADDRESS=:60001", "UPSTREAM", "our own"},
	{"GITLAB_URL=http://gitlab.example.com", "GITLAB_URL", "expected https"},
	{"GITLAB_URL=https://gitlab.example.com/?x", "GITLAB_URL", "query"},
	{"GITLAB_API_URL=https://a/?x", "GITLAB_API_URL", "query"},
	{"GITLAB_CA_FILE=/nonexistent", "GITLAB_CA_FILE", "No such file"},
	{"GITLAB_CA_FILE=/tmp", "GITLAB_CA_FILE", "no regular file"},
	{"GITLAB_CA_FILE=/etc/passwd", "GITLAB_CA_FILE", "expected at least one certificate"},
	{"UPSTREAM=https://127.0.0.1:1", "UPSTREAM", "plain http"},
	{"UPSTREAM=http://127.0.0.1:1/ide", "UPSTREAM", "path"},
	{"UPSTREAM=http://ide:1", "UPSTREAM", "numeric"},
	{"REDIRECT_URL=https://kiwi.ws.example.com/cb", "REDIRECT_URL", "/oauth2/callback"},
	{"REDIRECT_URL=http://relay.example.com/cb", "REDIRECT_URL", "expected https"},
	{"REDIRECT_URL=https://relay.example.com/cb?x", "REDIRECT_URL", "query"},
	{"PROXY_PREFIX=/", "PROXY_PREFIX", "no path"},
	{"PROXY_PREFIX=oauth2", "PROXY_PREFIX", "no path"},
	{"PROXY_PREFIX=/oauth2/", "PROXY_PREFIX", "plain"},
	{"PROXY_PREFIX=/a/../b", "PROXY_PREFIX", "plain"},
	{"PROXY_PREFIX=/a%2fb", "PROXY_PREFIX", "plain"},
	{"SCOPE=read_user read_api", "SCOPE", "openid is missing"},
	{"SCOPE=openid  read_api", "SCOPE", "single spaces"},
	{"COOKIE_NAME=_oauth2_proxy", "COOKIE_NAME", "__Host-"},
	{"COOKIE_NAME=__Host-", "COOKIE_NAME", "empty"},
	{"COOKIE_NAME=__Host-a b", "COOKIE_NAME", "no token"},
	{"SESSION_IDLE=25h", "SESSION_IDLE", "longer than COOKIE_EXPIRE"},
	{"AUTHORIZATION=anybody", "AUTHORIZATION", "a mode that there is not"},
	{"AUTHORIZATION=workspace+", "AUTHORIZATION", "a mode that there is not"},
	{"AUTHORIZATION=project", "PROJECT", "needed by"},
	{"AUTHORIZATION=workspace+owner", "OWNER_ID", "needed by"},
	{"WORKSPACE_ID=0", "WORKSPACE_ID", "from 1"},
	{"WORKSPACE_ID=", "WORKSPACE_ID", "needed by"},
	{"PROJECT=one", "PROJECT", "no group"},
	{"PROJECT=a/../b", "PROJECT", "no path"},
	{"CLONE_DIR=/", "CLONE_DIR", "below the root"},
	{"CLONE_REF=--upload-pack=x", "CLONE_REF", "no name of a ref"},
	{"CLONE_REF=a..b", "CLONE_REF", "no name of a ref"},
	{"CLONE_REF=a b", "CLONE_REF", "characters"},
	{"CLONE_URL=https://gitlab.example.com/a/b.git", "CLONE_DIR", "needed with"},
	{"TLS_CERT_FILE=/dev/null", "TLS_KEY_FILE", "needed together"},
	{"CLONE_DEPTH=-1", "CLONE_DEPTH", "0"},
	{"CLONE_SUBMODULES=on", "CLONE_SUBMODULES", "10"},
	{"RELAY_URL=https://relay.example.com", "RELAY_KEY", "needed with"},
	{("RELAY_KEY=" KEY_B), "RELAY_URL", "needed with"},
	{"RELAY_MASTER_KEY=anything", "RELAY_MASTER_KEY", "belongs to the relay alone"},
	{"PORTS=0", "PORTS", "it is no port"},
	{"PORTS=3000,08000", "PORTS", "part 2: it is no port"},
	{"PORTS=3000-2999", "PORTS", "ends before it begins"},
	{"PORTS=3000,8080", "PORTS", "8080 is our own WORKSPACE_PROXY_HTTP_ADDRESS"},
	{"PORTS=9877", "PORTS", "9877 is our own WORKSPACE_PROXY_ADMIN_ADDRESS"},
	{"SESSION_IDEL=1h", "SESSION_IDEL", "nearest is WORKSPACE_PROXY_SESSION_IDLE"},
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
		"UPSTREAM=unix:/run/ide.sock",
		"ADMIN_ADDRESS=off",
		"REDIRECT_URL=https://kiwi.ws.example.com/oauth2/callback",
		"PROXY_PREFIX=/a/b-c.d",
		"AUTHORIZATION=workspace+workspace",
		"PROJECT=12",
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
test_ports_go_around_our_own(void **state)
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
		{"SCOPE=openid read_user", "SCOPE: without read_api"},
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
		"COOKIE_SECRET=" CANARY "wQFBgcICQoLDA0ODw", /* 16 bytes, as oauth2-proxy may */
		"COOKIE_SECRET=" CANARY
		"xxxxxxxxxxxxxxxxxxxxxxxxxx", /* 32 characters as they are */
		"COOKIE_SECRET=" CANARY
		"QFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh9", /* loose end bits */
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
	assert_int_equal(address_port(&f->s->upstream), 8888);
	assert_int_equal(address_port(&f->s->http_address), 4180);

	set_variable(f, "OAUTH2_PROXY_", "GITLAB_GROUPS=" CANARY);
	load(f, SETTINGS_SERVE);
	assert_fine(f);
	assert_string_equal(f->problems.notes[f->problems.notes_count - 1].text,
			    "OAUTH2_PROXY_GITLAB_GROUPS: ignored: there is no setting of this "
			    "meaning");
	set_variable(f, "OAUTH2_PROXY_", "SKIP_AUTH_ROUTES=GET=^/x");
	load(f, SETTINGS_SERVE);
	assert_int_equal(f->problems.count, 1);
}

static void
test_clone_origin(void **state)
{
	struct fixture *f = *state;
	set(f, "CLONE_DIR=/projects/b");
	set(f, "CLONE_URL=https://gitlab.example.com/a/b.git");
	load(f, SETTINGS_SERVE);
	assert_fine(f);
	assert_true(str_equal(f->s->clone.gitlab_url.host, STR("gitlab.example.com")));

	set(f, "CLONE_URL=https://elsewhere.example.com/a/b.git");
	load(f, SETTINGS_SERVE);
	assert_problem(f, "CLONE_URL", "expected the origin of GITLAB_URL");
	set(f, "CLONE_URL=http://gitlab.example.com/a/b.git");
	load(f, SETTINGS_SERVE);
	assert_problem(f, "CLONE_URL", "expected the origin of GITLAB_URL");
	set(f, "CLONE_URL=https://gitlab.example.com/");
	load(f, SETTINGS_SERVE);
	assert_problem(f, "CLONE_URL", "no path");
	set(f, "CLONE_URL=https://user:" CANARY "@gitlab.example.com/a/b.git");
	load(f, SETTINGS_SERVE);
	assert_int_equal(f->problems.count, 1);
	assert_null(strstr(f->problems.items[0].text, CANARY));

	set(f, "GITLAB_API_URL=http://webservice.gitlab.svc:8181");
	set(f, "CLONE_URL=http://webservice.gitlab.svc:8181/a/b.git");
	load(f, SETTINGS_SERVE);
	assert_fine(f);
	assert_true(str_equal(f->s->clone.gitlab_url.host, STR("webservice.gitlab.svc")));
}

static void
test_clone_scope(void **state)
{
	struct fixture *f = *state;
	clear(f);
	load(f, SETTINGS_CLONE);
	assert_problem(f, "CLONE_URL", "needed to clone");

	set(f, "CLONE_URL=https://gitlab.example.com/a/b.git");
	set(f, "CLONE_DIR=/projects/b");
	/* The sidecar's business in a shared environment. */
	set(f, "COOKIE_SECRET_FILE=/nonexistent");
	set(f, "TLS_CERT_FILE=/nonexistent");
	set(f, "EXTERNAL_URL=nonsense");
	load(f, SETTINGS_CLONE);
	assert_fine(f);
	assert_true(str_equal(f->s->clone.gitlab_url.host, STR("gitlab.example.com")));
	assert_int_equal(f->s->clone.gitlab_url.path.len, 0);
	assert_int_equal(f->s->clone.stall_timeout_ms, 60000);
	assert_int_equal(f->s->log_level, LOG_INFO);

	set(f, "CLONE_URL=http://gitlab.example.com/a/b.git");
	load(f, SETTINGS_CLONE);
	assert_problem(f, "CLONE_URL", "expected https");
	set(f, "CLONE_URL=http://127.0.0.1:3000/a/b.git");
	load(f, SETTINGS_CLONE);
	assert_fine(f);
	set(f, "CLONE_SUBMODULES=11");
	load(f, SETTINGS_CLONE);
	assert_problem(f, "CLONE_SUBMODULES", "10");
}

static void
test_credentials(void **state)
{
	struct fixture *f = *state;
	char line[256] = "STATE_DIR=/tmp";

	load(f, SETTINGS_SERVE);
	assert_fine(f);
	assert_null(f->s->credential_socket);
	assert_null(f->s->clone.helper);
	set(f, line);
	load(f, SETTINGS_SERVE);
	assert_fine(f);
	assert_string_equal(f->s->credential_socket, "/tmp/credential.sock");
	assert_int_equal(f->s->credential_uid, geteuid());
	assert_true(str_starts_with(str_from(f->s->clone.helper), STR("!'/")));
	assert_true(str_ends_with(str_from(f->s->clone.helper),
				  STR("' credential --socket '/tmp/credential.sock'")));

	set(f, "CREDENTIAL_SOCKET=/run/git.sock");
	set(f, "CREDENTIAL_UID=0");
	set(f, "CREDENTIAL_HELPER=/opt/helper");
	load(f, SETTINGS_SERVE);
	assert_fine(f);
	assert_string_equal(f->s->credential_socket, "/run/git.sock");
	assert_int_equal(f->s->credential_uid, 0);
	assert_string_equal(f->s->clone.helper, "/opt/helper");
	set(f, "CREDENTIAL_HELPER=off");
	load(f, SETTINGS_SERVE);
	assert_null(f->s->clone.helper);

	set(f, "CREDENTIAL_SOCKET=off");
	load(f, SETTINGS_SERVE);
	assert_fine(f);
	assert_null(f->s->credential_socket);

	(void)snprintf(line, sizeof(line), "CREDENTIAL_SOCKET=/tmp/%0110d", 1);
	set(f, line);
	load(f, SETTINGS_SERVE);
	assert_problem(f, "CREDENTIAL_SOCKET", "at most 107");
}

static char *
check(struct fixture *f, int code)
{
	char *text = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&text, &len);
	assert_non_null(out);
	assert_int_equal(check_run(f->environment, SETTINGS_SERVE, out, out), code);
	assert_int_equal(fclose(out), 0);
	return text;
}

static void
test_check(void **state)
{
	struct fixture *f = *state;
	set(f, "CLIENT_SECRET=" CANARY);
	set(f, "CLONE_TOKEN=" CANARY);
	char *text = check(f, 0);
	assert_null(strstr(text, CANARY));
	assert_null(strstr(text, "0405"));
	assert_non_null(strstr(text, "\nWORKSPACE_PROXY_CLIENT_SECRET=set\n"));
	assert_non_null(strstr(text, "\nWORKSPACE_PROXY_COOKIE_SECRET=set (1 key)\n"));
	assert_non_null(strstr(text, "\nWORKSPACE_PROXY_AUTHORIZATION=workspace\n"));
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

/* Files that can be read are looked into. */
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
	for (size_t i = 0; i < settings_table.count; i++) {
		char entry[96];
		if (!settings_reads(SETTINGS_SERVE, &settings_table.settings[i]) &&
		    (settings_table.settings[i].flags & CONF_RESERVED) == 0)
			continue; /* see test_relay_mistakes and test_inject_mistakes */
		reset(f);
		(void)snprintf(entry, sizeof(entry), "%s=\x01", settings_table.settings[i].name);
		set(f, entry);
		load(f, SETTINGS_SERVE);
		assert_true(f->problems.count > 0 && f->problems.count <= 2);
		f->problems.count = 1;
		assert_problem(f, settings_table.settings[i].name, "");
	}
}

static const char *const relay_working[] = {
	"RELAY_URL=https://relay.ws.example.com/",
	("RELAY_MASTER_KEY=" KEY_A "," KEY_B),
	"RELAY_ZONES=ws.example.com, WS.Example.ORG:8443",
	"HTTP_ADDRESS=127.0.0.1:8080",
	"GITLAB_URL=https://gitlab.example.com/git/",
	"CLIENT_ID=id",
	"SCOPE=openid read_user",
};

static void
reset_relay(struct fixture *f)
{
	clear(f);
	for (size_t i = 0; i < sizeof(relay_working) / sizeof(relay_working[0]); i++)
		set(f, relay_working[i]);
}

/* What the relay does not read neither is needed nor does harm. */
static void
test_relay(void **state)
{
	struct fixture *f = *state;
	reset_relay(f);
	set(f, "EXTERNAL_URL=nonsense");
	set(f, "COOKIE_SECRET=nonsense");
	load(f, SETTINGS_RELAY);
	assert_fine(f);
	const struct relay_settings *r = &f->s->relay;
	assert_true(str_equal(r->url.host, STR("relay.ws.example.com")));
	assert_int_equal(r->url.path.len, 0);
	assert_true(str_equal(r->gitlab_url.path, STR("/git")));
	assert_string_equal(r->client_id, "id");
	assert_string_equal(r->scope, "openid read_user");
	assert_int_equal(r->master_keys.count, 2);
	assert_int_equal(r->zones.count, 2);
	assert_true(str_equal(r->zones.items[1], STR("ws.example.org:8443")));
}

static const char *const relay_mistakes[][3] = {
	{"RELAY_URL=", "RELAY_URL", "needed by the relay"},
	{"RELAY_URL=http://relay.example.com", "RELAY_URL", "expected https"},
	{"RELAY_URL=https://relay.example.com/?x", "RELAY_URL", "query"},
	{"RELAY_URL=https://relay.example.com/a%2fb", "RELAY_URL", "letters, digits"},
	{"RELAY_URL=https://relay.example.com/a//b", "RELAY_URL", "letters, digits"},
	{"RELAY_MASTER_KEY=", "RELAY_MASTER_KEY", "needed by the relay"},
	{("RELAY_MASTER_KEY=" CANARY), "RELAY_MASTER_KEY", "no such key"},
	{"RELAY_ZONES=", "RELAY_ZONES", "needed by the relay"},
	{"RELAY_ZONES=\x01", "RELAY_ZONES", ""},
	{"RELAY_ZONES=ws.example.com,", "RELAY_ZONES", "zone 2: it is no host name"},
	{"RELAY_ZONES=com", "RELAY_ZONES", "top-level domain"},
	{"RELAY_ZONES=*.ws.example.com", "RELAY_ZONES", "no host name"},
	{"RELAY_ZONES=https://ws.example.com", "RELAY_ZONES", "no host name"},
	{"RELAY_ZONES=ws.example.com:0", "RELAY_ZONES", "no host name"},
	{"RELAY_ZONES=10.0.0.1", "RELAY_ZONES", "no host name"},
	{"GITLAB_URL=", "GITLAB_URL", "required"},
	{"HTTP_ADDRESS=off", "HTTPS_ADDRESS", "no public listener"},
};

static void
test_relay_mistakes(void **state)
{
	struct fixture *f = *state;
	for (size_t i = 0; i < sizeof(relay_mistakes) / sizeof(relay_mistakes[0]); i++) {
		reset_relay(f);
		set(f, relay_mistakes[i][0]);
		load(f, SETTINGS_RELAY);
		assert_problem(f, relay_mistakes[i][1], relay_mistakes[i][2]);
		assert_null(strstr(f->problems.items[0].text, CANARY));
	}
}

static void
test_sidecar_with_relay(void **state)
{
	struct fixture *f = *state;
	set(f, "RELAY_URL=https://relay.ws.example.com/base");
	set(f, ("RELAY_KEY=" KEY_B));
	load(f, SETTINGS_SERVE);
	assert_fine(f);
	assert_int_equal(secret_view(f->s->auth.relay_key).len, 32);

	set(f, "REDIRECT_URL=https://relay.ws.example.com/base/callback");
	load(f, SETTINGS_SERVE);
	assert_fine(f);
	assert_int_equal(f->problems.notes_count, 0);

	set(f, "REDIRECT_URL=https://kiwi.ws.example.com/oauth2/callback");
	load(f, SETTINGS_SERVE);
	assert_problem(f, "REDIRECT_URL", "https://relay.ws.example.com/base/callback");

	set(f, "REDIRECT_URL=");
	set(f, "RELAY_URL=https://kiwi.ws.example.com:8443");
	load(f, SETTINGS_SERVE);
	assert_problem(f, "RELAY_URL", "own host");
}

/* Keys are printed without all that the relay needs beside. */
static void
test_relay_key_scope(void **state)
{
	struct fixture *f = *state;
	clear(f);
	load(f, SETTINGS_RELAY_KEY);
	assert_problem(f, "RELAY_MASTER_KEY", "needed to derive keys");
	set(f, ("RELAY_MASTER_KEY=" KEY_A));
	load(f, SETTINGS_RELAY_KEY);
	assert_fine(f);
	assert_int_equal(f->s->relay.zones.count, 0);
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

static void
reset_inject(struct fixture *f)
{
	clear(f);
	set(f, "INJECT_IMAGE=registry.example.com/workspace-proxy:1");
	set(f, "GITLAB_URL=https://gitlab.example.com/git/");
	set(f, "CLIENT_ID=id");
}

/* What is passed on to sidecars, and what they need of a workspace. */
static void
test_inject(void **state)
{
	struct fixture *f = *state;
	reset_inject(f);
	set(f, "EXTERNAL_URL=nonsense");
	set(f, "AUTHORIZATION=project+owner");
	set(f, "RELAY_URL=https://relay.ws.example.com");
	set(f, "INJECT_ALLOW=image, secrets");
	set(f, "INJECT_SECRET=workspace-{name}");
	load(f, SETTINGS_INJECT);
	assert_fine(f);
	const struct container_settings *c = &f->s->container;
	assert_string_equal(c->gitlab_url, "https://gitlab.example.com/git");
	assert_string_equal(c->relay_url, "https://relay.ws.example.com");
	assert_string_equal(c->authorization, "project+owner");
	assert_true(c->needs_project && c->needs_owner_id && !c->needs_workspace_id);
	assert_int_equal(c->allowed, CONTAINER_ALLOW_IMAGE | CONTAINER_ALLOW_SECRETS);
	assert_int_equal(c->secret_keys, CONTAINER_KEY_COOKIE_SECRET | CONTAINER_KEY_CLIENT_SECRET |
						 CONTAINER_KEY_RELAY_KEY);
	assert_int_equal(c->sidecar, CONTAINER_NATIVE);
	assert_string_equal(c->pull_policy, "IfNotPresent");
	assert_null(c->gitlab_api_url);
}

static void
test_inject_mistakes(void **state)
{
	static const char *const wrong[] = {
		"INJECT_ALLOW=everything",
		"INJECT_SIDECAR=modern",
		"INJECT_SECRET=Upper",
		"INJECT_SECRET={host}",
		"INJECT_CONFIG_MAP={name}",
		"INJECT_SECRET_KEYS=cookie-secret,other",
		"INJECT_ZONE=https://ws.example.com",
		"INJECT_ZONE=WS.example.com",
		"INJECT_ZONE=localhost",
		"INJECT_CPU_LIMIT=fast",
		"INJECT_CPU_LIMIT=-1",
		"INJECT_CPU_REQUEST=3",
		"INJECT_MEMORY_REQUEST=1Gi",
		"INJECT_PULL_POLICY=Sometimes",
	};
	struct fixture *f = *state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		char name[64];
		reset_inject(f);
		set(f, wrong[i]);
		load(f, SETTINGS_INJECT);
		(void)snprintf(name, sizeof(name), "%.*s", (int)strcspn(wrong[i], "="), wrong[i]);
		assert_problem(f, name, "expected");
	}
	clear(f);
	load(f, SETTINGS_INJECT);
	assert_int_equal(f->problems.count, 3); /* image, GitLab, client */
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_table),
		cmocka_unit_test_setup_teardown(test_defaults, setup, teardown),
		cmocka_unit_test_setup_teardown(test_ports, setup, teardown),
		cmocka_unit_test_setup_teardown(test_all_at_once, setup, teardown),
		cmocka_unit_test_setup_teardown(test_one_mistake_is_one_problem, setup, teardown),
		cmocka_unit_test_setup_teardown(test_accepted, setup, teardown),
		cmocka_unit_test_setup_teardown(test_ports_go_around_our_own, setup, teardown),
		cmocka_unit_test_setup_teardown(test_notes, setup, teardown),
		cmocka_unit_test_setup_teardown(test_cookie_secret_forms, setup, teardown),
		cmocka_unit_test_setup_teardown(test_credentials, setup, teardown),
		cmocka_unit_test_setup_teardown(test_cookie_secret_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(test_oauth2_proxy_names, setup, teardown),
		cmocka_unit_test_setup_teardown(test_clone_origin, setup, teardown),
		cmocka_unit_test_setup_teardown(test_clone_scope, setup, teardown),
		cmocka_unit_test_setup_teardown(test_check, setup, teardown),
		cmocka_unit_test_setup_teardown(test_short_sessions, setup, teardown),
		cmocka_unit_test_setup_teardown(test_tls_files, setup, teardown),
		cmocka_unit_test_setup_teardown(test_every_value_broken, setup, teardown),
		cmocka_unit_test_setup_teardown(test_relay, setup, teardown),
		cmocka_unit_test_setup_teardown(test_relay_mistakes, setup, teardown),
		cmocka_unit_test_setup_teardown(test_sidecar_with_relay, setup, teardown),
		cmocka_unit_test_setup_teardown(test_relay_key_scope, setup, teardown),
		cmocka_unit_test_setup_teardown(test_inject, setup, teardown),
		cmocka_unit_test_setup_teardown(test_inject_mistakes, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
