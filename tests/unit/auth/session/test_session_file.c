/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sessions that outlive the process: what comes back after a restart or a kill, what GitLab is
 * asked before they count, and what becomes of files that do not fit.
 */
#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "tests/unit/auth/auth_support.h"
#include "tests/unit/remove_tree.h"

#define SECOND UINT64_C(1000)
#define MINUTE (60 * SECOND)
#define HOUR   (60 * MINUTE)

static struct world world;
static char directory[64];
static char path[96];
static char image[1 << 20];
static size_t image_len;

static int
setup(void **state)
{
	(void)state;
	(void)snprintf(directory, sizeof(directory), "/tmp/session-file-XXXXXX");
	assert_non_null(mkdtemp(directory));
	(void)snprintf(path, sizeof(path), "%s/sessions", directory);
	image_len = 0;
	world_setup_settings(&world);
	world.settings.state_dir = directory;
	world_start(&world);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	world_teardown(&world);
	assert_int_equal(remove_tree(directory), 0);
	return 0;
}

static void
read_image(void)
{
	int fd = open(path, O_RDONLY);
	ssize_t n;

	assert_true(fd >= 0);
	n = read(fd, image, sizeof(image));
	assert_true(n > 0 && (size_t)n < sizeof(image));
	image_len = (size_t)n;
	(void)close(fd);
}

static void
write_image(void)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, image, image_len), image_len);
	(void)close(fd);
}

/* Since read_image. */
static bool
file_changed(void)
{
	static char before[sizeof(image)];
	size_t before_len = image_len;
	bool changed;

	if (access(path, F_OK) != 0)
		return false;
	memcpy(before, image, image_len);
	read_image();
	changed = before_len != image_len || memcmp(before, image, image_len) != 0;
	memcpy(image, before, before_len);
	image_len = before_len;
	return changed;
}

/* Until something new is on the disk. */
static bool
graphql_is_asked(void)
{
	return fetch_queue != NULL && strstr(fetch_queue->url, "/api/graphql") != NULL;
}

static void
run_until_stored(void)
{
	world_run_until(&world, file_changed);
	read_image();
}

static void
stop(void)
{
	auth_verdict_fini(&world.verdict);
	auth_free(world.auth);
	loop_free(world.loop);
}

/* As after SIGKILL: what was on the disk is all that is left. */
static void
crash(void)
{
	read_image();
	stop();
	write_image();
}

static void
sign_in_and_store(void)
{
	world_sign_in(&world, "/");
	run_until_stored();
}

/* A script's request that has to wait for GitLab; true when it does. */
static bool
script_waits(void)
{
	struct test_request r;

	request_init(&r, "GET", "/x");
	request_add(&r, "sec-fetch-mode", "cors");
	return world_check(&world, &r) != NULL;
}

static void
assert_back_after_asking(void)
{
	assert_true(script_waits());
	answer("/api/graphql", 200, WORKSPACE_JSON);
	assert_int_equal(world.verdict.action, AUTH_ALLOW);
	assert_int_equal(world_script(&world, "/x"), AUTH_ALLOW);
}

static size_t
count_aside(void)
{
	DIR *d = opendir(directory);
	size_t count = 0;

	for (struct dirent *entry = readdir(d); entry != NULL; entry = readdir(d))
		count += strncmp(entry->d_name, "sessions.corrupt-", 17) == 0;
	(void)closedir(d);
	return count;
}

static bool
log_says(const char *words)
{
	static char text[1 << 20];
	ssize_t len = pread(world.log_fd, text, sizeof(text) - 1, 0);

	assert_true(len >= 0);
	text[len] = '\0';
	return strstr(text, words) != NULL;
}

static void
test_survives_a_kill(void **state)
{
	(void)state;
	sign_in_and_store();
	crash();
	world_start(&world);
	assert_int_equal(session_store_count(world.auth->store), 1);
	assert_back_after_asking();
	assert_true(str_equal(world.verdict.identity.username, STR("sasha")));
	assert_true(str_equal(world.verdict.identity.email, STR("s@example.com")));
	assert_true(str_equal(world.verdict.identity.user_id, STR("42")));
	assert_string_equal(secret_view(session_token(world.verdict.session)).data, TEST_TOKEN);
	assert_int_equal(count_aside(), 0);
}

static void
test_survives_an_orderly_end(void **state)
{
	(void)state;
	world_sign_in(&world, "/");
	stop();
	world_start(&world);
	assert_back_after_asking();
}

/* Neither names nor tokens, in no spelling. */
static void
test_file_is_sealed(void **state)
{
	static const char *const words[] = {"canary", "sasha", "Sasha", "example.com"};
	struct stat st;

	(void)state;
	sign_in_and_store();
	for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++)
		assert_null(memmem(image, image_len, words[i], strlen(words[i])));
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
}

/* Nobody gets in on the word of a file where GitLab says no. */
static void
test_asked_at_first_use(void **state)
{
	(void)state;
	sign_in_and_store();
	crash();
	world_start(&world);
	assert_true(script_waits());
	answer("/api/graphql", 200, FOREIGN_WORKSPACE_JSON);
	assert_problem(&world, AUTH_PROBLEM_NO_ACCESS, 403);
	assert_int_equal(session_store_count(world.auth->store), 0);
	answer("/oauth/revoke", 200, "{}");
}

/* Where GitLab does not answer, its last answer stands for as long as without the restart. */
static void
test_grace_goes_on(void **state)
{
	(void)state;
	sign_in_and_store();
	crash();
	clock_ahead_ms += 9 * MINUTE;
	world_start(&world);
	assert_true(script_waits());
	answer("/api/graphql", 503, "{}");
	assert_int_equal(world.verdict.action, AUTH_ALLOW);
	clock_ahead_ms += 2 * MINUTE;
	if (script_waits())
		answer("/api/graphql", 503, "{}");
	assert_problem(&world, AUTH_PROBLEM_GITLAB_UNAVAILABLE, 503);
}

static void
test_no_grace_left(void **state)
{
	(void)state;
	sign_in_and_store();
	crash();
	clock_ahead_ms += 11 * MINUTE;
	world_start(&world);
	assert_true(script_waits());
	answer("/api/graphql", 503, "{}");
	assert_problem(&world, AUTH_PROBLEM_GITLAB_UNAVAILABLE, 503);
}

/* An answer to another question is none. */
static void
test_no_grace_under_another_policy(void **state)
{
	(void)state;
	sign_in_and_store();
	crash();
	world.settings.modes = AUTH_MODE_WORKSPACE | AUTH_MODE_OWNER;
	world_start(&world);
	assert_int_equal(session_store_count(world.auth->store), 1);
	assert_true(script_waits());
	answer("/api/graphql", 503, "{}");
	assert_problem(&world, AUTH_PROBLEM_GITLAB_UNAVAILABLE, 503);
}

static void
test_no_grace_under_another_list(void **state)
{
	(void)state;
	world.settings.modes = AUTH_MODE_WORKSPACE | AUTH_MODE_USERS;
	world.settings.users = "42,43";
	sign_in_and_store();
	crash();
	world.settings.users = "42";
	world_start(&world);
	assert_true(script_waits());
	answer("/api/graphql", 503, "{}");
	assert_problem(&world, AUTH_PROBLEM_GITLAB_UNAVAILABLE, 503);
}

static void
test_ages_go_on(void **state)
{
	(void)state;
	sign_in_and_store();
	crash();
	clock_ahead_ms += 4 * HOUR - MINUTE;
	world_start(&world);
	assert_int_equal(session_store_count(world.auth->store), 1);
	stop();
	write_image();
	clock_ahead_ms += 2 * MINUTE;
	world_start(&world); /* idle for too long: revoked in the background */
	assert_int_equal(session_store_count(world.auth->store), 0);
	answer("/oauth/revoke", 200, "{}");
}

static void
test_absolute_lifetime_goes_on(void **state)
{
	(void)state;
	world.settings.session_idle_ms = 24 * HOUR;
	sign_in_and_store();
	crash();
	clock_ahead_ms += 23 * HOUR;
	world_start(&world);
	assert_true(script_waits());
	answer("/oauth/token", 200, TOKENS_JSON); /* its token is long over */
	/* What the refresh brought is stored before it is used. */
	world_run_until(&world, graphql_is_asked);
	assert_true(file_changed());
	answer("/api/graphql", 200, WORKSPACE_JSON);
	assert_int_equal(world.verdict.action, AUTH_ALLOW);
	clock_ahead_ms += HOUR;
	assert_int_equal(world_script(&world, "/x"), AUTH_PROBLEM);
}

/* A clock that was set back gives no more than a whole lifetime. */
static void
test_clock_set_back(void **state)
{
	(void)state;
	clock_ahead_ms += 400 * HOUR;
	sign_in_and_store();
	crash();
	clock_ahead_ms = 0;
	world_start(&world);
	assert_back_after_asking();
	clock_ahead_ms += 25 * HOUR;
	assert_int_equal(world_script(&world, "/x"), AUTH_PROBLEM);
}

static void
test_keys_rotate(void **state)
{
	struct auth_keys *keys = &world.settings.cookie_keys;
	struct browser browser;

	(void)state;
	sign_in_and_store();
	crash();
	keys->keys[1] = keys->keys[0];
	keys->keys[0] = secret_from_str(STR("another secret of thirty-two by."));
	keys->count = 2;
	world_start(&world);
	assert_back_after_asking();
	browser = world.browser;
	stop(); /* sealed by the new key now */
	secret_free(keys->keys[1]);
	keys->count = 1;
	world_start(&world);
	assert_int_equal(session_store_count(world.auth->store), 1);
	assert_int_equal(world_script(&world, "/x"), AUTH_PROBLEM); /* the cookie's key is gone */
	assert_memory_equal(&browser, &world.browser, sizeof(browser));
	assert_int_equal(count_aside(), 0);
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

/* Any bit, anywhere: the file opens as it was or not at all, and nothing crashes. */
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

static void
test_sign_out_is_stored(void **state)
{
	struct test_request r;

	(void)state;
	sign_in_and_store();
	request_init(&r, "POST", "/oauth2/sign_out");
	request_add(&r, "origin", "https://kiwi.ws.example.com");
	assert_null(world_answer(&world, AUTH_ENDPOINT_SIGN_OUT, &r));
	answer("/oauth/revoke", 200, "{}");
	run_until_stored();
	crash();
	world_start(&world);
	assert_int_equal(session_store_count(world.auth->store), 0);
}

#define REFRESHED_JSON                                                                             \
	"{\"access_token\":\"canary-second\",\"token_type\":\"bearer\",\"expires_in\":7200,"       \
	"\"refresh_token\":\"canary-refresh-2\"}"

/* The new pair is on the disk before GitLab sees it for the first time. */
static void
test_renewed_tokens_are_stored_first(void **state)
{
	(void)state;
	sign_in_and_store();
	clock_ahead_ms += 119 * MINUTE;
	world_run_for(&world, 10); /* the loop reads the clock once per round */
	assert_true(script_waits());
	read_image();
	answer("/oauth/token", 200, REFRESHED_JSON);
	assert_int_equal(fetch_waiting(), 0);
	world_run_until(&world, graphql_is_asked);
	assert_true(file_changed());
	crash(); /* that question was never answered */
	world_start(&world);
	assert_back_after_asking();
	assert_string_equal(secret_view(session_token(world.verdict.session)).data,
			    "canary-second");
}

static bool
two_are_asked(void)
{
	return fetch_waiting() == 2;
}

/* A write under way does not hold the tokens that come meanwhile: they wait for the next one. */
static void
test_renewed_tokens_wait_for_their_own_write(void **state)
{
	struct browser first;

	(void)state;
	sign_in_and_store();
	first = world.browser;
	world.browser.count = 0;
	sign_in_and_store();
	clock_ahead_ms += 119 * MINUTE;
	world_run_for(&world, 10); /* the loop reads the clock once per round */
	assert_true(script_waits());
	answer("/oauth/token", 200, REFRESHED_JSON);
	world.browser = first;
	assert_true(script_waits());
	answer("/oauth/token", 200,
	       "{\"access_token\":\"canary-third\",\"token_type\":\"bearer\","
	       "\"expires_in\":7200,\"refresh_token\":\"canary-refresh-3\"}");
	world_run_until(&world, two_are_asked);
	crash();
	world_start(&world);
	assert_back_after_asking();
	assert_string_equal(secret_view(session_token(world.verdict.session)).data, "canary-third");
}

static bool
is_allowed(void)
{
	return world.verdict.action == AUTH_ALLOW && world.done_count > 1;
}

/* A disk that takes nothing: sessions go on, renewed tokens are used all the same. */
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
	stop(); /* room again: the last write succeeds */
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

/* More than the file may hold: bounded, and what fits comes back. */
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

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_survives_a_kill),
		T(test_survives_an_orderly_end),
		T(test_file_is_sealed),
		T(test_asked_at_first_use),
		T(test_grace_goes_on),
		T(test_no_grace_left),
		T(test_no_grace_under_another_policy),
		T(test_no_grace_under_another_list),
		T(test_ages_go_on),
		T(test_absolute_lifetime_goes_on),
		T(test_clock_set_back),
		T(test_keys_rotate),
		T(test_damaged),
		T(test_cut),
		T(test_newer),
		T(test_foreign_workspace),
		T(test_foreign_application),
		T(test_any_flipped_bit),
		T(test_sign_out_is_stored),
		T(test_renewed_tokens_are_stored_first),
		T(test_renewed_tokens_wait_for_their_own_write),
		T(test_disk_full),
		T(test_many),
		T(test_too_much),
		T(test_directory_is_missing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
