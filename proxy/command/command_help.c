/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Help, version and generated documents. What they say of settings comes from the table of
 * settings.
 */
#include "base/conf/conf_docs.h"
#include "proxy/command/command.h"
#include "proxy/metrics.h"

/* Column at which the texts of commands begin. */
#define TEXT_COLUMN 18

/* The commands with their arguments, in the order of the help. */
static const struct command_text {
	const char *name;
	const char *text;
} commands[] = {
	{"serve", "the sidecar (default)"},
	{"relay", "the callback address that all workspaces share, and their token broker"},
	{"relay-key HOST", "print a workspace's key for the relay, from RELAY_MASTER_KEY"},
	{"clone", "clone the repository and exit, for init containers"},
	{"credential", "git's credential helper: asks the sidecar for the user's token"},
	{"git-config", "print git's configuration for the profile of a shell"},
	{"env", "print the addresses of ports, for VS Code, for the profile of a shell"},
	{"login HOST, logout HOST",
	 "allow this computer to connect to a workspace by SSH, or revoke this"},
	{"ssh HOST", "open a shell in a workspace"},
	{"ssh-config HOST|ZONE [--write]",
	 "configure ssh for workspaces, also for VS Code and others that use it"},
	{"trust ZONE", "choose workspaces that may get a GitLab token, for automation"},
	{"run -- COMMAND", "run the IDE, and keep its output in a file that users see as its log"},
	{"install [--sshd] DIR",
	 "copy git-credential-workspace, workspace-ssh and workspace-run, the "
	 "helpers without libraries, to DIR; with sshd for images that have none"},
	{"inject", "add the sidecar to Kubernetes manifests, as a filter"},
	{"uninject", "remove it from manifests again"},
	{"webhook", "add it to pods, as an admission webhook"},
	{"webhook-certs SERVICE.NAMESPACE DIR", "create certificates for the webhook"},
	{"cluster-check", "print problems of a cluster, and pods that have an old sidecar"},
	{"check [relay|inject|webhook]",
	 "read the configuration; print the effective settings, or all errors"},
	{"help", "this text"},
	{"version", "the version"},
};
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* Prints the text below the name if the name is too long for its column. */
static void
print_command(const struct command_text *c)
{
	int column = printf("  %s", c->name);

	if (column > TEXT_COLUMN - 2)
		column = printf("\n") - 1;
	conf_print_wrapped(c->text, column, TEXT_COLUMN, stdout);
}

int
command_help(void)
{
	(void)fputs("usage: workspace-proxy [command]\n\n", stdout);
	for (size_t i = 0; i < COUNT(commands); i++)
		print_command(&commands[i]);
	(void)fputs("\nSettings are environment variables " SETTINGS_PREFIX
		    "<NAME>, or\n" SETTINGS_PREFIX
		    "<NAME>_FILE with the path of a file that holds the value.\n",
		    stdout);
	conf_print_help(&settings_table, stdout);
	return command_finish();
}

int
command_version(void)
{
	(void)fputs("workspace-proxy " VERSION "\n", stdout);
	return command_finish();
}

static void
print_configuration(FILE *out)
{
	conf_print_markdown(&settings_table, out);
}

/* The manual pages, in the macros of man(7) */

static void
print_head(const char *section, const char *summary, FILE *out)
{
	(void)fprintf(out,
		      ".\\\" SPDX-License-Identifier: Apache-2.0\n"
		      ".TH WORKSPACE\\-PROXY %s \"\" \"workspace\\-proxy " VERSION "\"\n"
		      ".SH NAME\nworkspace\\-proxy \\- ",
		      section);
	conf_print_man_text(str_from(summary), out);
}

static void
print_man_page(FILE *out)
{
	print_head("1", "authenticating sidecar reverse proxy for GitLab workspaces", out);
	(void)fputs(".SH SYNOPSIS\n.B workspace\\-proxy\n.RI [ command ]\n"
		    ".SH DESCRIPTION\n",
		    out);
	conf_print_man_text(
		STR("Runs in front of a browser IDE, signs users in with GitLab, checks that they "
		    "may use the workspace, and forwards their requests. It is configured by "
		    "environment variables only, which workspace-proxy(5) lists."),
		out);
	(void)fputs(".SH COMMANDS\n", out);
	for (size_t i = 0; i < COUNT(commands); i++) {
		(void)fputs(".TP\n.B ", out);
		conf_print_man_text(str_from(commands[i].name), out);
		conf_print_man_text(str_from(commands[i].text), out);
	}
	(void)fputs(".SH EXIT STATUS\n", out);
	conf_print_man_text(STR("0 on success, 1 on failure, 2 for wrong arguments."), out);
	(void)fputs(".SH SEE ALSO\n.BR workspace\\-proxy (5)\n", out);
}

static void
print_settings_man_page(FILE *out)
{
	print_head("5", "settings of workspace-proxy", out);
	(void)fputs(".SH DESCRIPTION\n", out);
	conf_print_man_text(
		STR("Settings are environment variables. Each can also be given with the suffix "
		    "_FILE: the path of a file that holds the value. `workspace-proxy check` reads "
		    "them as the sidecar would, and prints the effective settings or all errors. "
		    "Durations are numbers with ms, s, m or h; sizes are bytes or "
		    "numbers with KiB, MiB or GiB."),
		out);
	conf_print_man(&settings_table, out);
	(void)fputs(".SH SEE ALSO\n.BR workspace\\-proxy (1)\n", out);
}

static const struct {
	const char *name;
	void (*print)(FILE *out);
} documents[] = {
	{"configuration", print_configuration},
	{"metrics", proxy_metrics_print_markdown},
	{"workspace-proxy.1", print_man_page},
	{"workspace-proxy.5", print_settings_man_page},
};

int
command_docs(int argc, char **argv)
{
	for (size_t i = 0; argc == 2 && i < COUNT(documents); i++) {
		if (strcmp(argv[1], documents[i].name) == 0) {
			documents[i].print(stdout);
			return command_finish();
		}
	}
	(void)fputs("usage: workspace-proxy docs "
		    "configuration|metrics|workspace-proxy.1|workspace-proxy.5\n",
		    stderr);
	return 2;
}
