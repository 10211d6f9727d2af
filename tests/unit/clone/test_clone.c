/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The parent's side with workers made of shell: what it does with one that works, crashes, lies,
 * stalls, says nothing or too much.
 */
#include "tests/unit/clone/clone_support.h"

static void
test_all_phases(void **state)
{
	struct fixture *f = *state;
	const struct clone_progress *p;

	start(f, "line connecting\nline receiving null 5\nline resolving\nline lfs\nline checkout\n"
		 "line done null 99\n");
	assert_int_equal(clone_progress(f->clone)->phase, CLONE_CONNECTING);
	assert_int_equal(f->calls, 0); /* never before the call returns */
	p = run_until(f, CLONE_DONE);
	assert_int_equal(p->percent, 100);
	assert_int_equal(p->counters.bytes, 99);
	assert_int_equal(p->rate.bytes_per_s, 0);
	assert_int_equal(p->problem, CLONE_PROBLEM_NONE);
	assert_false(p->can_retry);
	assert_null(strstr(p->message, "lies"));
	assert_int_equal(f->seen_count, 6);
	for (unsigned i = 0; i < 6; i++)
		assert_int_equal(f->seen[i], CLONE_CONNECTING + (int)i);
}

static void
test_done_at_once(void **state)
{
	struct fixture *f = *state;

	start(f, "line connecting\nline done\n");
	assert_int_equal(run_until(f, CLONE_DONE)->percent, 100);
}

/* Lets a script that reads from the output continue to its end. */
static void
go_on(struct fixture *f)
{
	int fd = open(f->output, O_WRONLY | O_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, "\n", 1), 1);
	close(fd);
	f->awaits_history = true;
	(void)run_until(f, CLONE_DONE);
	f->awaits_history = false;
}

/* The IDE opens while the worker continues, whatever happens to it then. */
static void
test_history_behind_a_clone_that_is_done(void **state)
{
	static const struct {
		const char *end;
		enum clone_history_state state;
	} cases[] = {
		{"history complete 9\n", CLONE_HISTORY_COMPLETE},
		{"history missing 9\n", CLONE_HISTORY_MISSING},
		{"exit 0\n", CLONE_HISTORY_MISSING},
		{"kill -9 $$\n", CLONE_HISTORY_MISSING},
		{"echo garbage >&4\nexec sleep 100\n", CLONE_HISTORY_MISSING},
		{"line receiving\nexec sleep 100\n", CLONE_HISTORY_MISSING},
		{"line failed '\"token\"'\nexec sleep 100\n", CLONE_HISTORY_MISSING},
		{"exec sleep 100\n", CLONE_HISTORY_MISSING}, /* stalls */
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct clone_progress *p;
		char script[512];

		snprintf(script, sizeof(script),
			 "history() { printf '{\"phase\":\"done\",\"percent\":100,\"problem\":null,"
			 "\"objects_done\":1,\"objects_total\":1,\"deltas_done\":0,"
			 "\"deltas_total\":0,\"files_done\":0,\"files_total\":0,\"bytes\":3,"
			 "\"bytes_per_s\":0,\"left_s\":0,\"attempt\":0,\"history\":{\"state\":"
			 "\"%%s\",\"objects_done\":0,\"objects_total\":7,\"bytes\":%%s}}\\n' "
			 "$1 $2 >&4; }\n"
			 "line connecting\nhistory coming 0\nread -r go <%s\nhistory coming 5\n%s",
			 f->output, cases[i].end);
		(void)unlink(f->output);
		assert_int_equal(mkfifo(f->output, 0600), 0);
		start(f, script);
		p = run_until(f, CLONE_DONE);
		assert_int_equal(p->history.state, CLONE_HISTORY_COMING);
		assert_true(p->history.bytes == 0 && p->counters.bytes == 3);
		if (i == sizeof(cases) / sizeof(cases[0]) - 1)
			f->settings.stall_timeout_ms = 400; /* from the next line on */
		go_on(f);
		assert_int_equal(p->phase, CLONE_DONE);
		assert_int_equal(p->problem, CLONE_PROBLEM_NONE);
		assert_int_equal(p->history.state, cases[i].state);
		assert_true(p->history.bytes >= 5);
		clone_free(f->clone);
		f->clone = NULL;
		assert_false(LIST_IS_LINKED(&f->watch, entry));
	}
}

static void
test_no_clone_and_waiting_for_a_user(void **state)
{
	struct fixture *f = *state;
	struct err e = ERR_INIT;
	struct clone *off;

	f->clone = clone_new(f->loop, &f->settings, "/bin/false", &e);
	assert_non_null(f->clone);
	assert_int_equal(clone_progress(f->clone)->phase, CLONE_WAITING);
	f->settings.url.host = STR_NONE;
	off = clone_new(f->loop, &f->settings, "/bin/false", &e);
	assert_non_null(off);
	assert_int_equal(clone_progress(off)->phase, CLONE_OFF);
	assert_true(clone_start(off, f->token, &e));
	assert_int_equal(clone_progress(off)->phase, CLONE_OFF);
	clone_free(off);
	clone_free(NULL);
}

static void
test_token_of_the_settings_starts_at_once(void **state)
{
	struct fixture *f = *state;
	struct err e = ERR_INIT;

	f->settings.token = f->token;
	f->clone = clone_new(f->loop, &f->settings, "/bin/false", &e);
	assert_non_null(f->clone);
	assert_int_equal(clone_progress(f->clone)->phase, CLONE_CONNECTING);
}

static void
test_token_that_is_too_long(void **state)
{
	struct fixture *f = *state;
	struct err e = ERR_INIT;
	char text[4096];
	struct secret *token;

	memset(text, 'x', sizeof(text));
	token = secret_new(text, sizeof(text));
	f->clone = clone_new(f->loop, &f->settings, "/bin/false", &e);
	assert_non_null(f->clone);
	assert_false(clone_start(f->clone, token, &e));
	assert_int_equal(e.code, ERR_LIMIT);
	secret_free(token);
}

/* Reads what a script wrote. */
static size_t
read_output(const struct fixture *f, char *text, size_t size)
{
	int fd = open(f->output, O_RDONLY | O_CLOEXEC);
	ssize_t n;

	assert_true(fd >= 0);
	n = read(fd, text, size - 1);
	assert_true(n >= 0);
	close(fd);
	text[n] = '\0';
	return (size_t)n;
}

static void
test_arguments_and_environment_of_the_worker(void **state)
{
	struct fixture *f = *state;
	char text[16384];

	assert_int_equal(setenv("WORKSPACE_PROXY_CLONE_TOKEN", TOKEN, 1), 0);
	assert_int_equal(setenv("WORKSPACE_PROXY_CLIENT_SECRET", TOKEN, 1), 0);
	assert_int_equal(setenv("WORKSPACE_PROXY_LOG_LEVEL", "warn", 1), 0);
	assert_int_equal(setenv("LD_PRELOAD_X", "x", 1), 0);
	int extra = open("/dev/zero", O_RDONLY); /* without O_CLOEXEC on purpose */
	f->settings.ref = "topic";
	f->settings.ca_file = "/ca.pem";
	start(f, "{ echo \"token=$(cat <&3)\"; echo \"arguments=$*\"; env | sort; "
		 "echo \"group=$(cut -d' ' -f5 /proc/$$/stat) $$\"; "
		 "ls -l /proc/$$/fd; } "
		 ">\"$WORKSPACE_PROXY_CLONE_DIR\"\nline done\n");
	run_until(f, CLONE_DONE);
	close(extra);
	(void)read_output(f, text, sizeof(text));
	assert_non_null(strstr(text, "token=" TOKEN "\narguments=clone --worker\n"));
	assert_null(strstr(strstr(text, "arguments="), TOKEN));
	assert_non_null(strstr(text, "WORKSPACE_PROXY_CLONE_URL="
				     "https://gitlab.example.com/group/project.git\n"));
	assert_non_null(strstr(text, "WORKSPACE_PROXY_GITLAB_URL=https://gitlab.example.com\n"));
	assert_non_null(strstr(text, "WORKSPACE_PROXY_CLONE_REF=topic\n"));
	assert_non_null(strstr(text, "WORKSPACE_PROXY_CLONE_STALL_TIMEOUT=20000ms\n"));
	assert_non_null(strstr(text, "WORKSPACE_PROXY_GITLAB_CA_FILE=/ca.pem\n"));
	assert_non_null(strstr(text, "WORKSPACE_PROXY_LOG_LEVEL=warn\n"));
	assert_null(strstr(text, "LD_PRELOAD_X"));
	assert_non_null(strstr(text, "4 -> pipe:"));
	assert_null(strstr(text, "/dev/zero"));
	const char *group = strstr(text, "group=") + 6;
	assert_int_equal(atol(group), atol(strchr(group, ' ')));
	unsetenv("WORKSPACE_PROXY_CLONE_TOKEN");
	unsetenv("WORKSPACE_PROXY_CLIENT_SECRET");
	unsetenv("WORKSPACE_PROXY_LOG_LEVEL");
	unsetenv("LD_PRELOAD_X");
}

static void
test_free_ends_the_worker(void **state)
{
	struct fixture *f = *state;
	char text[64];
	pid_t pid;

	start(f, "echo $$ >\"$WORKSPACE_PROXY_CLONE_DIR\"\nline receiving\nexec sleep 1000\n");
	run_until(f, CLONE_RECEIVING);
	(void)read_output(f, text, sizeof(text));
	pid = atoi(text);
	assert_true(pid > 1);
	assert_int_equal(kill(pid, 0), 0);
	clone_free(f->clone);
	f->clone = NULL;
	assert_int_equal(kill(pid, 0), -1);
	assert_int_equal(errno, ESRCH);
}

static void
test_updates_are_throttled(void **state)
{
	struct fixture *f = *state;
	uint64_t begin = clock_monotonic_ms();
	const struct clone_progress *p;

	start(f, "line connecting\ni=0\nwhile [ $i -lt 2000 ]; do i=$((i+1)); "
		 "line receiving null $i; done\nline done null 2000\n");
	p = run_until(f, CLONE_DONE);
	assert_int_equal(p->counters.bytes, 2000);
	/* Three phases, and ten calls a second. */
	assert_in_range(f->calls, 3, 4 + (clock_monotonic_ms() - begin) / 100);
}

struct stopper {
	struct clone_watch watch;
	struct stopper *others;
	size_t count;
	unsigned calls;
};

static void
on_changed_stop_all(const struct clone_progress *p, void *arg)
{
	struct stopper *s = arg;

	(void)p;
	s->calls++;
	for (size_t i = 0; i < s->count; i++)
		clone_watch_stop(&s->others[i].watch);
}

static void
test_watches_may_stop_each_other(void **state)
{
	struct fixture *f = *state;
	struct stopper stoppers[4];
	unsigned calls = 0;
	struct err e = ERR_INIT;

	f->clone = clone_new(f->loop, &f->settings, f->program, &e);
	assert_non_null(f->clone);
	clone_watch_start(&f->watch, f->clone, on_changed, f);
	for (size_t i = 0; i < 4; i++) {
		stoppers[i] = (struct stopper){.others = stoppers, .count = 4};
		clone_watch_start(&stoppers[i].watch, f->clone, on_changed_stop_all, &stoppers[i]);
	}
	start(f, "line receiving\nline done\n");
	run_until(f, CLONE_DONE);
	for (size_t i = 0; i < 4; i++) {
		calls += stoppers[i].calls;
		assert_false(LIST_IS_LINKED(&stoppers[i].watch, entry));
		clone_watch_stop(&stoppers[i].watch); /* twice is fine */
	}
	assert_int_equal(calls, 1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_all_phases),
		T(test_done_at_once),
		T(test_history_behind_a_clone_that_is_done),
		T(test_no_clone_and_waiting_for_a_user),
		T(test_token_of_the_settings_starts_at_once),
		T(test_token_that_is_too_long),
		T(test_arguments_and_environment_of_the_worker),
		T(test_free_ends_the_worker),
		T(test_updates_are_throttled),
		T(test_watches_may_stop_each_other),
	};

	return cmocka_run_group_tests_name("clone/clone", tests, NULL, NULL);
}
