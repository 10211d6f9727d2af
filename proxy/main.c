/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Selects the subcommand, loads its settings and runs it. Exit codes: 0 for success, 1 for an
 * invalid configuration or a failure, 2 for a wrong command line.
 */
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "base/crypto/crypto_memory.h"
#include "clone/credential/credential.h"
#include "proxy/command/command.h"
#include "proxy/command/run.h"
#include "proxy/serve.h"
#include "ssh/client/client.h"

/* Loads the settings, prints their problems, and configures the log. NULL if there are problems. */
static struct settings *
load(enum settings_command command)
{
	struct conf_problems problems = {.count = 0, .notes_count = 0};
	struct settings *s = settings_load(environ, command, &problems);
	conf_print_problems(&problems, stderr);
	if (s == NULL)
		return NULL;
	conf_wipe_environment(&settings_table, environ);
	log_configure((enum log_level)s->log_level, (enum log_format)s->log_format,
		      log_open_sink(STDERR_FILENO));
	for (size_t i = 0; i < problems.notes_count && i < CONF_NOTES_MAX; i++)
		log_warn(NULL, "configuration", log_cstr("note", problems.notes[i].text));
	return s;
}

/* Protects memory before the settings are loaded, because their checks read private keys. */
static struct settings *
load_server(enum settings_command command)
{
	bool is_locked = crypto_memory_protect();
	struct settings *s = load(command);

	if (s != NULL && !is_locked)
		log_warn(NULL,
			 "TLS private keys may be swapped to disk: RLIMIT_MEMLOCK is too low");
	return s;
}

static int
run_until_stopped(enum settings_command command)
{
	struct settings *s = load_server(command);
	int code = s == NULL ? 1 : serve_run(s, command);
	settings_free(s);
	return code;
}

static int
run_serve(void)
{
	return run_until_stopped(SETTINGS_SERVE);
}

static int
run_relay(void)
{
	return run_until_stopped(SETTINGS_RELAY);
}

static int
run_clone(int argc, char **argv)
{
	/* Prints its usage, for which settings are not needed. */
	if (argc > 1 && strcmp(argv[1], "--worker") != 0)
		return clone_run(&(struct clone_settings){.dir = NULL}, argc, argv);
	struct settings *s = load(SETTINGS_CLONE);
	int code = s == NULL ? 1 : clone_run(&s->clone, argc, argv);
	settings_free(s);
	return code;
}

static int
run_webhook(void)
{
	struct settings *s = load_server(SETTINGS_WEBHOOK);
	int code = s == NULL ? 1 : webhook_run(&s->container);
	settings_free(s);
	return code;
}

static int
run_inject(int argc, char **argv)
{
	int code;

	if (inject_run_is_usage(argc, argv, &code))
		return code;
	struct settings *s = load(SETTINGS_INJECT);
	code = s == NULL ? 1 : inject_run(&s->container, argc, argv);
	settings_free(s);
	return code;
}

/* Commands that take no arguments. */
static const struct {
	const char *name;
	int (*run)(void);
} commands[] = {
	{"serve", run_serve},	      {"relay", run_relay},
	{"webhook", run_webhook},     {"git-config", command_git_config},
	{"env", command_env},	      {"help", command_help},
	{"--help", command_help},     {"-h", command_help},
	{"version", command_version}, {"--version", command_version},
};

/* Commands that take arguments. */
static const struct {
	const char *name;
	int (*run)(int argc, char **argv);
} commands_with_arguments[] = {
	{"clone", run_clone},
	{"credential", credential_run},
	{"login", ssh_client_login},
	{"logout", ssh_client_logout},
	{"ssh", ssh_client_ssh},
	{"ssh-config", ssh_client_config},
	{"trust", ssh_client_trust},
	{"run", run_main},
	{"install", command_install},
	{"webhook-certs", certs_run},
	{"inject", run_inject},
	{"uninject", uninject_run},
	{"check", command_check},
	{"cluster-check", cluster_run},
	{"relay-key", command_relay_key},
	{"docs", command_docs},
};

/* argv[0] is the command. */
static int
run_command(int argc, char **argv)
{
	size_t count = sizeof(commands_with_arguments) / sizeof(commands_with_arguments[0]);

	for (size_t i = 0; i < count; i++)
		if (strcmp(argv[0], commands_with_arguments[i].name) == 0)
			return commands_with_arguments[i].run(argc, argv);
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
		if (strcmp(argv[0], commands[i].name) == 0)
			return argc == 1 ? commands[i].run()
					 : command_refuse("unexpected argument", argv[1]);
	if (argv[0][0] == '-') {
		(void)fprintf(stderr,
			      "workspace-proxy: unknown option \"%.64s\": settings are environment "
			      "variables; docs/from-oauth2-proxy.md names ours for each option of "
			      "oauth2-proxy\n",
			      argv[0]);
		return 2;
	}
	return command_refuse("unknown command", argv[0]);
}

static void
exit_immediately(int signal_number)
{
	_exit(128 + signal_number);
}

/* Must run before any thread exists. Code in the IDE's container usually runs with our user id:
 * PR_SET_DUMPABLE keeps it from reading our memory and descriptors, except in sanitized builds,
 * whose leak checker has to. The kernel delivers a signal to process 1 only if there is a handler;
 * the server later replaces these handlers for its graceful shutdown. */
static void
prepare_process(void)
{
	(void)signal(SIGPIPE, SIG_IGN);
	if (getpid() == 1) {
		(void)signal(SIGTERM, exit_immediately);
		(void)signal(SIGINT, exit_immediately);
	}
#ifndef SANITIZED
	(void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
#endif
}

int
main(int argc, char **argv)
{
	prepare_process();
	return argc < 2 ? run_serve() : run_command(argc - 1, argv + 1);
}
