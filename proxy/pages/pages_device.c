/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The page that lets a computer connect by SSH, and the section of the status page about it.
 */
#include "base/clock.h"
#include "base/url.h"
#include "proxy/pages/pages_private.h"

static void
add_hidden(struct buf *out, const char *name, struct str value)
{
	if (str_is_empty(value))
		return;
	buf_addf(out, "<input type=\"hidden\" name=\"%s\" value=\"", name);
	pages_add_between(out, "", value, "\">\n");
}

static void
begin_form(const struct pages *p, struct buf *out)
{
	pages_add_between(out, "<form class=\"actions\" method=\"post\" action=\"",
			  str_from(p->prefix), "/device\">\n");
}

static void
add_code_form(const struct pages *p, bool was_wrong, struct buf *out)
{
	buf_add_str(out, STR("<h1>Connect a computer</h1>\n"));
	if (was_wrong)
		buf_add_str(out, STR("<p class=\"lead\">This code is not known. It may have "
				     "expired: codes last for five minutes.</p>\n"));
	else
		buf_add_str(out, STR("<p class=\"lead\">Type the code that <code>workspace-proxy "
				     "login</code> shows on the computer.</p>\n"));
	begin_form(p, out);
	buf_add_str(out,
		    STR("<input name=\"code\" autocomplete=\"off\" autocapitalize=\"characters\" "
			"spellcheck=\"false\" maxlength=\"12\" size=\"10\" "
			"aria-label=\"Code\" required autofocus>\n<button>Continue</button>\n"
			"</form>\n"));
}

static void
add_question(const struct pages *p, const struct auth_device_page *d, struct buf *out)
{
	pages_add_between(out, "<h1>Let ", d->name, " connect by SSH?</h1>\n");
	pages_add_between(out,
			  "<p class=\"lead\">Programs on that computer can then use the workspace "
			  "<code>",
			  str_from(p->workspace), "</code> as you, until you sign out.</p>\n");
	if (!str_is_empty(d->address))
		pages_add_between(
			out, "<p>The request came from the address <code>", d->address,
			"</code>. Continue only if you have just started it yourself.</p>\n");
	else
		pages_add_between(
			out, "<p>Continue only if you have just run <code>workspace-proxy login ",
			str_from(p->workspace), "</code>.</p>\n");
	begin_form(p, out);
	add_hidden(out, "name", d->name);
	add_hidden(out, "code", d->code);
	add_hidden(out, "port", d->port);
	add_hidden(out, "challenge", d->challenge);
	add_hidden(out, "state", d->state);
	buf_add_str(out, STR("<button>Allow</button>\n<a href=\"/\">Cancel</a>\n"
			     "</form>\n"));
}

void
pages_add_device(const struct pages *p, const struct page *page, struct buf *out)
{
	const struct auth_device_page *d = page->device;

	buf_add_str(out, STR("<main>\n"));
	switch (d->step) {
	case AUTH_DEVICE_TYPE_CODE:
		add_code_form(p, false, out);
		break;
	case AUTH_DEVICE_WRONG_CODE:
		add_code_form(p, true, out);
		break;
	case AUTH_DEVICE_ASK:
		add_question(p, d, out);
		break;
	case AUTH_DEVICE_DONE:
		pages_add_between(out, "<h1>", d->name,
				  " may connect</h1>\n<p class=\"lead\">Go back to the terminal: "
				  "it continues by itself. You can close this page.</p>\n");
		break;
	}
	buf_add_str(out, STR("</main>\n"));
}

static void
add_device(const struct pages *p, const struct auth_device *d, struct buf *out)
{
	char date[CLOCK_RFC3339_SIZE];

	clock_format_rfc3339(d->since_ms, date, sizeof(date));
	pages_add_between(out, "<div><dt>", d->name, "");
	buf_addf(out, "</dt><dd>authorized <span class=\"when\">%.10s %.5s UTC</span>\n", date,
		 date + 11);
	begin_form(p, out);
	add_hidden(out, "end", str_from(d->id));
	buf_add_str(out, STR("<button class=\"quiet\">Disconnect</button>\n</form></dd></div>\n"));
}

static void
add_command(struct buf *out, const char *before, const char *host, const char *after)
{
	buf_addf(out, "<code>%s", before);
	pages_add_between(out, "", str_from(host), after);
	buf_add_str(out, STR("</code><br>\n"));
}

/* Adds a parameter to the fragment of a link, with the ampersand escaped for HTML. */
static void
add_parameter(struct buf *out, const char *name, const char *value)
{
	if (value == NULL)
		return;
	buf_addf(out, "&amp;%s=", name);
	(void)url_encode(out, str_from(value));
}

/* JetBrains Gateway requires a port, and then uses that of ssh's configuration for the host. */
static void
add_links(const struct page_status *s, const char *host, struct buf *out)
{
	pages_add_between(out, "<a href=\"vscode://vscode-remote/ssh-remote+", str_from(host), "");
	pages_add_text(out, str_from(s->directory));
	buf_add_str(out, STR("\">Open in VS Code</a> · <a href=\"jetbrains-gateway://connect#"
			     "type=ssh&amp;deploy=true&amp;port=22"));
	add_parameter(out, "host", host);
	add_parameter(out, "user", s->ssh_user);
	add_parameter(out, "projectPath", s->directory);
	buf_add_str(out, STR("\">Open in JetBrains Gateway</a></p>\n"));
}

void
pages_add_desktop(const struct pages *p, const struct page_status *s, struct buf *out)
{
	struct str host = str_from(p->workspace);
	char name[256];

	(void)snprintf(name, sizeof(name), "%.*s",
		       STR_FMT(str_take(host, str_find_byte(host, ':'))));
	buf_add_str(out, STR("<h2>Connect from your desktop</h2>\n<p>For a terminal, VS Code, "
			     "JetBrains Gateway and other programs that use SSH, run on your "
			     "computer:</p>\n<p>"));
	add_command(out, "workspace-proxy login ", p->workspace, "");
	add_command(out, "workspace-proxy ssh ", p->workspace, "");
	add_command(out, "workspace-proxy ssh-config ", p->workspace, " --write");
	buf_add_str(out,
		    STR("</p>\n<p>After the last command, other programs can connect as well: "));
	add_command(out, "ssh ", name, "");
	add_links(s, name, out);
	if (s->ssh_problem != NULL)
		pages_add_between(out,
				  "<p class=\"soft\">At the moment: ", str_from(s->ssh_problem),
				  ".</p>\n");
	if (s->devices_count == 0)
		return;
	buf_add_str(out, STR("<dl class=\"sheet\">\n"));
	for (size_t i = 0; i < s->devices_count; i++)
		add_device(p, &s->devices[i], out);
	buf_add_str(out, STR("</dl>\n"));
}
