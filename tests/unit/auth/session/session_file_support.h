/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the tests of the session file share: a directory, images of the file, and crashes.
 */
#ifndef TESTS_UNIT_AUTH_SESSION_SESSION_FILE_SUPPORT_H
#define TESTS_UNIT_AUTH_SESSION_SESSION_FILE_SUPPORT_H

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "tests/unit/auth/auth_fixture.h"
#include "tests/unit/remove_tree.h"
#include "tests/unit/temporary.h"

#define SECOND UINT64_C(1000)
#define MINUTE (60 * SECOND)
#define HOUR   (60 * MINUTE)

static char directory[64];
static char path[96];
static char image[1 << 20];
static size_t image_len;

static inline int
setup(void **state)
{
	(void)state;
	(void)snprintf(directory, sizeof(directory), "%s/session-file-XXXXXX", temporary_folder());
	assert_non_null(mkdtemp(directory));
	(void)snprintf(path, sizeof(path), "%s/sessions", directory);
	image_len = 0;
	world_setup_settings(&world);
	world.settings.state_dir = directory;
	world_start(&world);
	return 0;
}

static inline int
teardown(void **state)
{
	(void)state;
	world_teardown(&world);
	assert_int_equal(remove_tree(directory), 0);
	return 0;
}

static inline void
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

static inline void
write_image(void)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, image, image_len), image_len);
	(void)close(fd);
}

/* Whether the file has changed since read_image. */
static inline bool
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

/* Waits until new content is on the disk. */
static inline bool
graphql_is_asked(void)
{
	return fetch_queue != NULL && strstr(fetch_queue->url, "/api/graphql") != NULL;
}

static inline void
run_until_stored(void)
{
	world_run_until(&world, file_changed);
	read_image();
}

static inline void
stop(void)
{
	auth_verdict_fini(&world.verdict);
	auth_free(world.auth);
	loop_free(world.loop);
}

/* Restarts as after SIGKILL, with only what is on the disk. */
static inline void
crash(void)
{
	read_image();
	stop();
	write_image();
}

static inline void
sign_in_and_store(void)
{
	world_sign_in(&world, "/");
	run_until_stored();
}

/* Sends a script's request that must wait for GitLab; returns whether it waits. */
static inline bool
script_waits(void)
{
	struct test_request r;

	request_init(&r, "GET", "/x");
	request_add(&r, "sec-fetch-mode", "cors");
	return world_check(&world, &r) != NULL;
}

static inline void
assert_back_after_asking(void)
{
	assert_true(script_waits());
	answer("/api/graphql", 200, WORKSPACE_JSON);
	assert_int_equal(world.verdict.action, AUTH_ALLOW);
	assert_int_equal(world_script(&world, "/x"), AUTH_ALLOW);
}

static inline size_t
count_aside(void)
{
	DIR *d = opendir(directory);
	size_t count = 0;

	for (struct dirent *entry = readdir(d); entry != NULL; entry = readdir(d))
		count += strncmp(entry->d_name, "sessions.corrupt-", 17) == 0;
	(void)closedir(d);
	return count;
}

#define REFRESHED_JSON                                                                             \
	"{\"access_token\":\"canary-second\",\"token_type\":\"bearer\",\"expires_in\":7200,"       \
	"\"refresh_token\":\"canary-refresh-2\"}"

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

#endif
