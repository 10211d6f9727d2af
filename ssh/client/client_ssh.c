/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `workspace-proxy ssh`: runs the system's ssh with our options, or is its ProxyCommand.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "ssh/client/client.h"
#include "ssh/client/client_dial.h"
#include "ssh/client/client_token.h"
#include "ssh/client/client_trust.h"
#include "ssh/client/client_tunnel.h"

#define EXIT_SSH      255 /* ssh's own code for failures of the connection */
#define OPTION_MAX    (4 * CLIENT_PATH_MAX)
#define ARGUMENTS_MAX 256

static int
print_usage(FILE *out, int code)
{
	const char *name = client_name();

	(void)fprintf(out,
		      "usage: %s ssh [--token-command COMMAND] HOST [SSH-ARGUMENT...]\n"
		      "       %s ssh [--token-command COMMAND] --stdio HOST\n"
		      "\n"
		      "Opens a shell in the workspace, or runs ssh with the given arguments.\n"
		      "--stdio is for ProxyCommand: it carries one SSH connection.\n"
		      "--token-command prints a GitLab token, for workspaces in a zone that\n"
		      "`%s trust` has named; or it is in WORKSPACE_PROXY_TOKEN.\n"
		      "Connecting may take %u seconds, or what " CLIENT_DIAL_VARIABLE "\n"
		      "says.\n",
		      name, name, name, CLIENT_DIAL_TIMEOUT_S);
	return code;
}

/* A login would not help where a GitLab token was refused. */
static void
explain_token(const struct client_host *h, const struct client_login *l, struct err *e)
{
	if (l->is_gitlab_token && e->code == ERR_DENIED)
		err_set(e, ERR_DENIED,
			"%s: the GitLab token was refused; is API_TOKENS on there, and is the "
			"token valid, with the scope read_api?",
			h->key);
}

/* ssh was started with the name that was stored. */
static void
note_user(const struct client_host *h, const struct client_login *used, const char *user)
{
	struct client_login l;
	struct err e = ERR_INIT;

	if (used->is_gitlab_token || used->user[0] == '\0' || strcmp(used->user, user) == 0)
		return;
	if (client_login_read(h, &l, NULL)) {
		(void)snprintf(l.user, sizeof(l.user), "%s", user);
		if (!client_login_write(h, &l, &e) || !client_config_refresh(&e))
			(void)client_fail(&e, EXIT_SSH);
	}
	secret_wipe(&l, sizeof(l));
	(void)fprintf(stderr, "%s: %s: the user name in the workspace is now %s: connect again\n",
		      client_name(), h->key, user);
}

static int
run_stdio(const char *name)
{
	char key[SSH_KEY_TEXT_MAX + 1];
	struct client_tunnel tunnel;
	struct client_login l;
	struct client_host h;
	struct err e = ERR_INIT;
	bool ok;

	ok = client_host_parse(&h, str_from(name), &e) && client_credentials(&h, &l, &e) &&
	     client_identity(key, &e);
	if (ok && !client_dial(&h, &l, key, &tunnel, &e)) {
		explain_token(&h, &l, &e);
		ok = false;
	}
	if (ok)
		note_user(&h, &l, tunnel.user);
	secret_wipe(&l, sizeof(l));
	if (!ok)
		return client_fail(&e, EXIT_SSH);
	/* Not into the output of programs that run ssh. */
	if (tunnel.notice[0] != '\0' && isatty(STDERR_FILENO))
		(void)fprintf(stderr, "%s: %s: %s\n", client_name(), h.key, tunnel.notice);
	/* Before ssh sees a byte: it reads the file when it has the server's key. */
	ok = client_note_host_key(&h, str_from(tunnel.host_key), &e) &&
	     client_tunnel_run(&tunnel, &e);
	client_http_fini(&tunnel.http);
	return ok ? 0 : client_fail(&e, EXIT_SSH);
}

struct options {
	char *items[ARGUMENTS_MAX];
	size_t count;
};

static void
add_item(struct options *o, const char *text)
{
	err_assert(o->count + 1 < ARGUMENTS_MAX);
	o->items[o->count] = strdup(text);
	err_assert(o->items[o->count] != NULL);
	o->items[++o->count] = NULL;
}

static void
add_option(struct options *o, const char *name, const char *value)
{
	char text[OPTION_MAX];

	(void)snprintf(text, sizeof(text), "%s=%s", name, value);
	add_item(o, "-o");
	add_item(o, text);
}

/* ssh splits the values of these options at spaces. */
static void
add_path_option(struct options *o, const char *name, const char *path)
{
	char quoted[CLIENT_PATH_MAX + 2];

	(void)snprintf(quoted, sizeof(quoted), "\"%s\"", path);
	add_option(o, name, quoted);
}

/* Asks for the user's name there, where no login has stored it; otherwise that would take as long
 * as connecting does. */
static bool
ask_user(const struct client_host *h, struct client_login *l, struct err *e)
{
	struct client_answer a;
	struct str user;
	struct str problem;
	bool ok;

	if (l->user[0] != '\0')
		return true;
	if (!client_ask(h, l, "/ssh", NULL, true, &a, e))
		return false;
	user = flat_json_get(&a.json, "user");
	problem = flat_json_get(&a.json, "problem");
	if (a.status != 200)
		ok = client_explain(h, a.status, flat_json_get(&a.json, "message"), e);
	else if (!ssh_user_is_valid(user))
		ok = client_explain(h, a.status, problem, e);
	else
		ok = true;
	if (ok)
		(void)snprintf(l->user, sizeof(l->user), "%.*s", STR_FMT(user));
	client_answer_fini(&a);
	if (!ok)
		explain_token(h, l, e);
	return ok;
}

static bool
set_options(struct options *o, const struct client_host *h, const struct client_login *l,
	    struct err *e)
{
	char path[CLIENT_PATH_MAX];
	char program[CLIENT_WORD_MAX];
	char command[CLIENT_WORD_MAX + CLIENT_HOST_MAX + 16];

	add_item(o, "ssh");
	if (!client_program(program, e))
		return false;
	(void)snprintf(command, sizeof(command), "%s ssh --stdio %s", program, h->key);
	add_option(o, "ProxyCommand", command);
	add_option(o, "User", l->user);
	add_option(o, "HostKeyAlias", h->key);
	if (!client_path("id_ed25519", path, e))
		return false;
	add_path_option(o, "IdentityFile", path);
	add_option(o, "IdentitiesOnly", "yes");
	if (!client_path("known_hosts", path, e))
		return false;
	add_path_option(o, "UserKnownHostsFile", path);
	add_option(o, "StrictHostKeyChecking", "yes");
	add_option(o, "UpdateHostKeys", "no");
	add_option(o, "ServerAliveInterval", "30");
	add_option(o, "Ciphers", CLIENT_CIPHERS);
	add_item(o, h->name);
	return true;
}

static int
run_ssh(const char *name, int argc, char **argv)
{
	static struct options o;
	char key[SSH_KEY_TEXT_MAX + 1];
	struct client_login l;
	struct client_host h;
	struct err e = ERR_INIT;
	bool ok;

	ok = client_host_parse(&h, str_from(name), &e) && client_credentials(&h, &l, &e) &&
	     client_identity(key, &e) && ask_user(&h, &l, &e) && set_options(&o, &h, &l, &e);
	secret_wipe(l.token, sizeof(l.token));
	if (!ok)
		return client_fail(&e, EXIT_SSH);
	for (int i = 0; i < argc; i++)
		add_item(&o, argv[i]);
	(void)signal(SIGPIPE, SIG_DFL);
	execvp("ssh", o.items);
	err_set_errno(&e, errno, "ssh");
	return client_fail(&e, EXIT_SSH);
}

int
ssh_client_ssh(int argc, char **argv)
{
	if (argc == 2 && strcmp(argv[1], "--help") == 0)
		return print_usage(stdout, 0);
	/* In the environment it reaches the ProxyCommand. */
	if (argc > 3 && strcmp(argv[1], "--token-command") == 0) {
		(void)unsetenv(CLIENT_TOKEN_VARIABLE);
		if (setenv(CLIENT_TOKEN_COMMAND_VARIABLE, argv[2], 1) != 0)
			return print_usage(stderr, 2);
		argc -= 2;
		argv += 2;
	}
	if (argc == 3 && strcmp(argv[1], "--stdio") == 0)
		return run_stdio(argv[2]);
	if (argc >= 2 && argc < ARGUMENTS_MAX / 2 && argv[1][0] != '-') {
		int used = argc > 2 && strcmp(argv[2], "--") == 0 ? 3 : 2;
		return run_ssh(argv[1], argc - used, argv + used);
	}
	return print_usage(stderr, 2);
}
