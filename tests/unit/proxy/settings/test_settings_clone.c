/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The settings of clones: allowed origins, the settings that `clone` reads, and the credentials of
 * git in the workspace.
 */
#include <unistd.h>

#include "tests/unit/proxy/settings/settings_support.h"

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
	/* Settings of the sidecar in a shared environment. */
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

/* One member's code in the workspace can ask for another member's token. */
static void
test_shared_tokens_are_noted(void **state)
{
	struct fixture *f = *state;

	set(f, "AUTHORIZATION=project");
	set(f, "PROJECT=group/project");
	load(f, SETTINGS_SERVE);
	assert_int_equal(f->problems.notes_count, 0); /* there is no socket */
	set(f, "STATE_DIR=/tmp");
	load(f, SETTINGS_SERVE);
	assert_fine(f);
	assert_int_equal(f->problems.notes_count, 1);
	assert_non_null(strstr(f->problems.notes[0].text, "each user can act"));
	set(f, "OWNER_ID=42");
	load(f, SETTINGS_SERVE);
	assert_int_equal(f->problems.notes_count, 0);
	set(f, "AUTHORIZATION=project+workspace");
	load(f, SETTINGS_SERVE);
	assert_int_equal(f->problems.notes_count, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_credentials, setup, teardown),
		cmocka_unit_test_setup_teardown(test_shared_tokens_are_noted, setup, teardown),
		cmocka_unit_test_setup_teardown(test_clone_origin, setup, teardown),
		cmocka_unit_test_setup_teardown(test_clone_scope, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
