/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The manual pages. Commands and settings come from their tables.
 */
#include "base/conf/conf_docs.h"
#include "proxy/command/command_private.h"
#include "proxy/settings/settings.h"

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

void
command_print_man_page(FILE *out)
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
	for (const struct command_text *c = command_texts; c->name != NULL; c++) {
		(void)fputs(".TP\n.B ", out);
		conf_print_man_text(str_from(c->name), out);
		conf_print_man_text(str_from(c->text), out);
	}
	(void)fputs(".SH EXIT STATUS\n", out);
	conf_print_man_text(STR("0 on success, 1 on failure, 2 for wrong arguments."), out);
	(void)fputs(".SH SEE ALSO\n.BR workspace\\-proxy (5)\n", out);
}

void
command_print_settings_man_page(FILE *out)
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
