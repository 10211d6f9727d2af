/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the tests of clone/clone share: a clone whose worker is a shell script.
 */
#ifndef TESTS_UNIT_CLONE_CLONE_SUPPORT_H
#define TESTS_UNIT_CLONE_CLONE_SUPPORT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log/log.h"
#include "clone/clone.h"
#include "tests/unit/temporary.h"

#define TOKEN "glpat-canary-0123456789"

struct fixture {
	struct loop *loop;
	struct clone *clone;
	struct clone_settings settings;
	struct secret *token;
	struct clone_watch watch;
	struct loop_timer deadline;
	char directory[64];
	char program[96];
	char output[96];
	enum clone_phase until; /* ends the loop */
	enum clone_phase seen[16];
	unsigned seen_count;
	unsigned calls;
	bool is_late;
	bool awaits_history; /* ends the loop when none is coming any more */
};

static inline void
on_changed(const struct clone_progress *p, void *arg)
{
	struct fixture *f = arg;

	f->calls++;
	if (f->seen_count == 0 || f->seen[(f->seen_count - 1) % 16] != p->phase)
		f->seen[f->seen_count++ % 16] = p->phase;
	if (p->phase == f->until &&
	    (!f->awaits_history || p->history.state != CLONE_HISTORY_COMING))
		loop_stop(f->loop);
}

static inline void
on_deadline(void *arg)
{
	struct fixture *f = arg;

	f->is_late = true;
	loop_stop(f->loop);
}

static inline int
setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	struct err e = ERR_INIT;

	assert_non_null(f);
	log_configure(LOG_OFF, LOG_TEXT, STDERR_FILENO);
	f->loop = loop_new(&e);
	assert_non_null(f->loop);
	loop_timer_init(&f->deadline, f->loop, on_deadline, f);
	snprintf(f->directory, sizeof(f->directory), "%s/test-clone-XXXXXX", temporary_folder());
	assert_non_null(mkdtemp(f->directory));
	snprintf(f->program, sizeof(f->program), "%s/worker", f->directory);
	snprintf(f->output, sizeof(f->output), "%s/output", f->directory);
	f->settings = (struct clone_settings){
		.url = {.scheme = STR("https"),
			.host = STR("gitlab.example.com"),
			.port = 443,
			.path = STR("/group/project.git")},
		.gitlab_url = {.scheme = STR("https"),
			       .host = STR("gitlab.example.com"),
			       .port = 443},
		.dir = f->output, /* what a script may write to */
		.stall_timeout_ms = 20000,
	};
	f->token = secret_from_str(STR(TOKEN));
	*state = f;
	return 0;
}

static inline int
teardown(void **state)
{
	struct fixture *f = *state;

	clone_free(f->clone);
	loop_timer_fini(&f->deadline);
	loop_free(f->loop);
	secret_free(f->token);
	(void)unlink(f->program);
	(void)unlink(f->output);
	assert_int_equal(rmdir(f->directory), 0);
	free(f);
	return 0;
}

/* Shell functions that scripts use: a progress line per call. */
#define PRELUDE                                                                                    \
	"#!/bin/sh\n"                                                                              \
	"line() { printf '{\"phase\":\"%s\",\"percent\":%s,\"problem\":%s,\"objects_done\":1,"     \
	"\"objects_total\":2,\"deltas_done\":0,\"deltas_total\":0,\"files_done\":0,"               \
	"\"files_total\":0,\"bytes\":%s,\"bytes_per_s\":7,\"left_s\":0,\"attempt\":0,\"message\":" \
	"\"<b>lies</b>\"}\\n' "                                                                    \
	"\"$1\" 1 \"${2:-null}\" \"${3:-0}\" >&4; }\n"

static inline void
start(struct fixture *f, const char *script)
{
	int fd = open(f->program, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0700);
	struct err e = ERR_INIT;

	assert_true(fd >= 0);
	assert_int_equal(write(fd, PRELUDE, strlen(PRELUDE)), strlen(PRELUDE));
	assert_int_equal(write(fd, script, strlen(script)), strlen(script));
	close(fd);
	if (f->clone == NULL) {
		f->clone = clone_new(f->loop, &f->settings, f->program, &e);
		assert_non_null(f->clone);
		clone_watch_start(&f->watch, f->clone, on_changed, f);
	}
	assert_true(clone_start(f->clone, f->token, &e));
}

static inline const struct clone_progress *
run_until(struct fixture *f, enum clone_phase phase)
{
	struct err e = ERR_INIT;

	f->until = phase;
	loop_timer_start(&f->deadline, 60000);
	assert_true(loop_run(f->loop, &e));
	assert_false(f->is_late);
	return clone_progress(f->clone);
}

#define T(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

#endif
