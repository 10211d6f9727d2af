/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The session file when it is damaged, cut, of another workspace or version, too large, or can't be
 * written.
 */
#include "tests/unit/auth/session/session_file_support.h"

static bool
log_says(const char *words)
{
	return strstr(log_text(world.log_fd), words) != NULL;
}

static void
assert_set_aside(void)
{
	world_start(&world);
	assert_int_equal(session_store_count(world.auth->store), 0);
	assert_int_equal(count_aside(), 1);
	assert_true(log_says("session file set aside"));
	assert_int_equal(world_navigate(&world, "/"), AUTH_REDIRECT);
	world.browser.count = 0;
	sign_in_and_store();
}

static void
test_damaged(void **state)
{
	(void)state;
	sign_in_and_store();
	crash();
	image[image_len / 2] ^= 1;
	write_image();
	assert_set_aside();
}

static void
test_cut(void **state)
{
	(void)state;
	sign_in_and_store();
	crash();
	image_len = 5;
	write_image();
	assert_set_aside();
}

static void
test_newer(void **state)
{
	(void)state;
	sign_in_and_store();
	crash();
	image[7]++;
	write_image();
	assert_set_aside();
	assert_true(log_says("another version"));
}

static void
test_foreign_workspace(void **state)
{
	struct err e = ERR_INIT;

	(void)state;
	sign_in_and_store();
	crash();
	assert_true(url_parse(&world.settings.external_url, STR("https://plum.ws.example.com"),
			      &world.arena, &e));
	assert_set_aside();
}

static void
test_foreign_application(void **state)
{
	(void)state;
	sign_in_and_store();
	crash();
	world.settings.client_id = "client-2";
	assert_set_aside();
}

/* Flips every bit: the file opens unchanged or not at all, and nothing crashes. */
static void
test_any_flipped_bit(void **state)
{
	(void)state;
	sign_in_and_store();
	crash();
	for (size_t i = 0; i < image_len; i += 3) {
		image[i] ^= (char)(1 << (i % 8));
		write_image();
		world_start(&world);
		assert_int_equal(session_store_count(world.auth->store), 0);
		stop();
		image[i] ^= (char)(1 << (i % 8));
	}
	write_image();
	world_start(&world);
	assert_int_equal(session_store_count(world.auth->store), 1);
}

static bool
is_allowed(void)
{
	return world.verdict.action == AUTH_ALLOW && world.done_count > 1;
}

/* The disk is not writable: sessions continue, and refreshed tokens are used. */
static void
test_disk_full(void **state)
{
	char obstacle[128];
	char inner[140];

	(void)state;
	(void)snprintf(obstacle, sizeof(obstacle), "%s.new", path);
	(void)snprintf(inner, sizeof(inner), "%s/x", obstacle);
	sign_in_and_store();
	assert_int_equal(mkdir(obstacle, 0700), 0);
	assert_int_equal(mkdir(inner, 0700), 0);
	clock_ahead_ms += 119 * MINUTE;
	world_run_for(&world, 10); /* the loop reads the clock once per round */
	assert_true(script_waits());
	answer("/oauth/token", 200, REFRESHED_JSON);
	world_run_until(&world, graphql_is_asked);
	answer("/api/graphql", 200, WORKSPACE_JSON);
	assert_true(is_allowed());
	assert_true(log_says("sessions can't be stored"));
	assert_int_equal(world_script(&world, "/x"), AUTH_ALLOW);
	assert_int_equal(rmdir(inner), 0);
	assert_int_equal(rmdir(obstacle), 0);
	stop(); /* writable again: the last write succeeds */
	world_start(&world);
	assert_back_after_asking();
	assert_string_equal(secret_view(session_token(world.verdict.session)).data,
			    "canary-second");
}

static void
test_many(void **state)
{
	struct gitlab_user user = {.id = 42, .username = "sasha", .is_active = true};
	struct err e = ERR_INIT;
	struct stat st;

	(void)state;
	for (unsigned i = 0; i < SESSIONS_MAX; i++) {
		struct gitlab_tokens tokens = {
			.access = secret_from_str(STR(TEST_TOKEN)),
			.refresh = secret_from_str(STR(TEST_REFRESH)),
		};

		user.id++;
		assert_non_null(session_new(world.auth->store, &user, &tokens, &e));
	}
	stop();
	assert_int_equal(stat(path, &st), 0);
	print_message("             %lld bytes for %u sessions\n", (long long)st.st_size,
		      SESSIONS_MAX);
	world_start(&world);
	assert_int_equal(session_store_count(world.auth->store), SESSIONS_MAX);
}

/* More sessions than fit into the file: it is bounded, and those that fit are restored. */
static void
test_too_much(void **state)
{
	static char big[GITLAB_TOKEN_MAX + 1];
	struct gitlab_user user = {.id = 42, .username = "sasha", .is_active = true};
	struct err e = ERR_INIT;
	struct stat st;

	(void)state;
	memset(big, 'c', GITLAB_TOKEN_MAX);
	for (unsigned i = 0; i < SESSIONS_MAX; i++) {
		struct gitlab_tokens tokens = {
			.access = secret_from_str(str_from(big)),
			.refresh = secret_from_str(str_from(big)),
		};

		user.id++;
		assert_non_null(session_new(world.auth->store, &user, &tokens, &e));
	}
	stop();
	assert_true(log_says("session file is full"));
	assert_int_equal(stat(path, &st), 0);
	assert_in_range(st.st_size, 4000000, 4 * 1024 * 1024);
	world_start(&world);
	assert_in_range(session_store_count(world.auth->store), 400, SESSIONS_MAX - 1);
}

static void
test_directory_is_missing(void **state)
{
	struct err e = ERR_INIT;
	struct auth *second;

	(void)state;
	second = auth_new(&world.settings, world.loop, NULL, &e);
	assert_null(second);
	assert_int_equal(e.code, ERR_CONFIG);
	world.settings.state_dir = "/nonexistent/state";
	assert_null(auth_new(&world.settings, world.loop, NULL, &e));
	assert_non_null(strstr(e.text, "/nonexistent/state"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_damaged),
		T(test_cut),
		T(test_newer),
		T(test_foreign_workspace),
		T(test_foreign_application),
		T(test_any_flipped_bit),
		T(test_disk_full),
		T(test_many),
		T(test_too_much),
		T(test_directory_is_missing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
