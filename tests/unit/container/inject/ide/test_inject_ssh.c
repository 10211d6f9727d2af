/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The annotations ssh-upstream…: an sshd that the image runs by itself.
 */
#include "container/inject/ide/inject_ssh.h"

#include "tests/unit/container/inject/inject_support.h"

#define KEY	 "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGHbeY0dNWvcmLqPSJ0J1Nw4ZqRbEBhA9ZBAfB4xGqFq"
#define SPEC	 "spec:\n  containers:\n  - name: ide\n    ports: [{containerPort: 60001}]\n"
#define UPSTREAM NOTE("ssh-upstream: \"127.0.0.1:60022\"")
#define HOST_KEY NOTE("ssh-upstream-host-key: \"" KEY "\"")
#define USER	 NOTE("ssh-upstream-user: gitlab-workspaces")
#define POD(x)	 INJECT_POD_HEAD x SPEC

static const struct container_settings operator_settings = {
	INJECT_SETTINGS,
	.gitlab_url = "https://gitlab.example.com",
	.authorization = "owner",
};

static struct str
setting(const struct injected *r, const char *name)
{
	return env_of(container_of(r, "spec.initContainers", INJECT_NAME), name);
}

static void
test_settings(void **state)
{
	struct injected r;

	(void)state;
	inject_well(&r, &operator_settings, POD(UPSTREAM HOST_KEY USER));
	assert_true(str_equal(setting(&r, "WORKSPACE_PROXY_SSH_UPSTREAM"), STR("127.0.0.1:60022")));
	assert_true(str_equal(setting(&r, "WORKSPACE_PROXY_SSH_UPSTREAM_HOST_KEY"), STR(KEY)));
	assert_true(str_equal(setting(&r, "WORKSPACE_PROXY_SSH_UPSTREAM_USER"),
			      STR("gitlab-workspaces")));
	assert_true(str_is_empty(setting(&r, "WORKSPACE_PROXY_SSH_SOCKET")));
	assert_null(node_get(container_of(&r, "spec.containers", "ide"), "lifecycle"));
	struct node *before = node_copy(&r.doc, r.root);
	assert_true(inject_object(&operator_settings, &r.doc, r.root, &r.report));
	assert_int_equal(r.report.problems.count, 0);
	assert_true(node_equal(before, r.root));
	doc_fini(&r.doc);
	inject_well(&r, &operator_settings, POD(UPSTREAM HOST_KEY));
	assert_true(str_is_empty(setting(&r, "WORKSPACE_PROXY_SSH_UPSTREAM_USER")));
	doc_fini(&r.doc);
}

static void
test_refused(void **state)
{
	static const char *const refused[][2] = {
		{POD(UPSTREAM), "needs ssh-upstream-host-key"},
		{POD(HOST_KEY), "ssh-upstream-host-key: needs ssh-upstream"},
		{POD(USER), "ssh-upstream-user: needs ssh-upstream"},
		{POD(NOTE("ssh: \"true\"") UPSTREAM HOST_KEY), "set together with ssh"},
		{POD(NOTE("ssh-upstream: \"60022\"") HOST_KEY), "expected a loopback address"},
		{POD(NOTE("ssh-upstream: \"10.0.0.1:22\"") HOST_KEY),
		 "expected a loopback address"},
		{POD(NOTE("ssh-upstream: \"unix:/run/x\"") HOST_KEY),
		 "expected a loopback address"},
		{POD(NOTE("ssh-upstream: sshd.example.com:22") HOST_KEY),
		 "expected a loopback address"},
		{POD(UPSTREAM NOTE("ssh-upstream-host-key: ssh-rsa AAAA")),
		 "expected a public key"},
		{POD(UPSTREAM NOTE("ssh-upstream-host-key: \"ssh-ed25519 $(TOKEN)\"")),
		 "expected a public key"},
		{POD(UPSTREAM NOTE("ssh-upstream-host-key: BEGIN OPENSSH PRIVATE KEY")),
		 "\"(not shown)\": expected a public key"},
		{POD(UPSTREAM HOST_KEY NOTE("ssh-upstream-user: -oProxyCommand=x")),
		 "expected the name"},
		{POD(UPSTREAM HOST_KEY NOTE("ssh-upstream-user: a b")), "expected the name"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(refused); i++) {
		struct injected r;

		try_inject(&r, &operator_settings, refused[i][0]);
		if (r.report.problems.count == 0 ||
		    strstr(r.report.problems.items[0], refused[i][1]) == NULL)
			fail_msg("%zu: %s", i,
				 r.report.problems.count == 0 ? "taken"
							      : r.report.problems.items[0]);
		doc_fini(&r.doc);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_settings),
		cmocka_unit_test(test_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
