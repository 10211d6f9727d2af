/* SPDX-License-Identifier: Apache-2.0 */
/*
 * With whom a port is shared, and the form that changes this. The script (assets/share.js) opens
 * the form below a port of the list; without script the form has a field for the port.
 */
#include "base/clock.h"
#include "proxy/pages/pages_private.h"

#define NAMES_MAX 80u /* bytes of a list of names to show */

struct choice {
	const char *badge;
	const char *label;
	const char *hint; /* or NULL */
};

static const struct choice choices[AUTH_AUDIENCES] = {
	[AUTH_AUDIENCE_OWNER] = {"", "", NULL},
	[AUTH_AUDIENCE_USERS] = {"Listed users", "These people", NULL},
	[AUTH_AUDIENCE_GROUP] = {"Members of a group", "Members of a GitLab group", NULL},
	[AUTH_AUDIENCE_PROJECT] = {"Members of the project", "Members of the project", NULL},
	[AUTH_AUDIENCE_GITLAB] = {"Everybody in GitLab", "Everybody with an account in GitLab",
				  NULL},
	[AUTH_AUDIENCE_PUBLIC] = {"Public", "Everybody, without signing in",
				  "Anyone who knows the address can open it."},
};

/* In the order of the form. */
static const enum auth_audience order[AUTH_AUDIENCES] = {
	AUTH_AUDIENCE_OWNER,   AUTH_AUDIENCE_USERS,  AUTH_AUDIENCE_GROUP,
	AUTH_AUDIENCE_PROJECT, AUTH_AUDIENCE_GITLAB, AUTH_AUDIENCE_PUBLIC,
};

const struct auth_share *
pages_find_share(const struct page_ports *ports, uint16_t port)
{
	for (size_t i = 0; i < ports->shares_count; i++)
		if (ports->shares[i].port == port)
			return &ports->shares[i];
	return NULL;
}

static void
add_names(const struct auth_share *share, struct buf *out)
{
	struct str names = share->of;

	if (share->audience == AUTH_AUDIENCE_GROUP)
		buf_add_str(out, STR("Members of "));
	pages_add_text(out, str_take(names, NAMES_MAX));
	if (names.len > NAMES_MAX)
		buf_add_str(out, STR("…"));
}

void
pages_add_audience(const struct page_ports *ports, const struct auth_share *share, struct buf *out)
{
	char until[CLOCK_RFC3339_SIZE];

	if (share == NULL) {
		pages_add_between(out, "<span class=\"when\">", str_from(ports->audience),
				  "</span>");
		return;
	}
	buf_addf(out, "<span class=\"badge\" data-is=\"%s\">", auth_audience_name(share->audience));
	if (str_is_empty(share->of))
		buf_add_str(out, str_from(choices[share->audience].badge));
	else
		add_names(share, out);
	buf_add_str(out, STR("</span>"));
	if (share->until_ms == 0)
		return;
	clock_format_rfc3339(share->until_ms, until, sizeof(until));
	buf_addf(out, " <span class=\"when\">until %.10s %.5s UTC</span>", until, until + 11);
}

static void
add_name_field(const char *name, const char *label, bool is_optional, struct buf *out)
{
	buf_addf(out,
		 "<input class=\"names\" name=\"%s\" aria-label=\"%s\" placeholder=\"%s%s\" "
		 "maxlength=\"2048\" autocomplete=\"off\" autocapitalize=\"off\" "
		 "spellcheck=\"false\">\n",
		 name, label, label,
		 is_optional ? " (empty: as the administrator configured)" : "");
}

static void
add_choice(const struct page_ports *ports, enum auth_audience audience, struct buf *out)
{
	const struct choice *c = &choices[audience];
	const char *name = auth_audience_name(audience);
	bool is_owner = audience == AUTH_AUDIENCE_OWNER;

	buf_addf(out,
		 "<div class=\"choice\"><input type=\"radio\" name=\"audience\" value=\"%s\" "
		 "id=\"share-%s\" data-badge=\"%s\"%s><label for=\"share-%s\">",
		 name, name, c->badge, is_owner ? " checked" : "", name);
	pages_add_text(out, str_from(is_owner ? ports->audience : c->label));
	if (c->hint != NULL)
		buf_addf(out, " <span class=\"soft\">%s</span>", c->hint);
	buf_add_str(out, STR("</label>\n"));
	if (audience == AUTH_AUDIENCE_USERS)
		add_name_field("users", "Usernames, separated by commas", ports->has_users, out);
	else if (audience == AUTH_AUDIENCE_GROUP)
		add_name_field("group", "Path of the group", ports->has_group, out);
	buf_add_str(out, STR("</div>\n"));
}

static void
add_ports_field(const struct page_ports *ports, struct buf *out)
{
	buf_add_str(out,
		    STR("<p class=\"field\" id=\"share-port-field\"><label for=\"share-port\">Port"
			"</label>\n<input id=\"share-port\" name=\"port\" inputmode=\"numeric\" "
			"pattern=\"[0-9]{1,5}\" required autocomplete=\"off\" "
			"list=\"share-ports\">\n<datalist id=\"share-ports\">"));
	for (size_t i = 0; i < ports->list->count; i++)
		buf_addf(out, "<option value=\"%u\"></option>", ports->list->ports[i]);
	buf_add_str(out, STR("</datalist></p>\n"));
}

static void
add_end_field(struct buf *out)
{
	buf_add_str(out,
		    STR("<p class=\"field\"><label for=\"share-seconds\">For how long</label>\n"
			"<select id=\"share-seconds\" name=\"seconds\">\n"
			"<option value=\"\">Until you stop sharing it</option>\n"
			"<option value=\"3600\">One hour</option>\n"
			"<option value=\"28800\">Eight hours</option>\n"
			"<option value=\"86400\">One day</option>\n"
			"<option value=\"604800\">One week</option>\n"
			"<option value=\"2592000\">30 days</option>\n</select></p>\n"));
}

static bool
may_share(const struct page_ports *ports)
{
	for (unsigned i = 0; i < AUTH_AUDIENCES; i++)
		if (ports->may[i] && i != AUTH_AUDIENCE_OWNER)
			return true;
	return false;
}

void
pages_add_share_form(const struct pages *p, const struct page_ports *ports, struct buf *out)
{
	if (!may_share(ports))
		return;
	pages_add_between(out,
			  "<details class=\"share\" id=\"share\"><summary>Share a port</summary>\n"
			  "<form class=\"sheet\" method=\"post\" action=\"",
			  str_from(p->prefix), "/workspace/share\">\n");
	add_ports_field(ports, out);
	buf_add_str(out, STR("<fieldset><legend>Who may open it</legend>\n"));
	for (size_t i = 0; i < AUTH_AUDIENCES; i++)
		if (ports->may[order[i]])
			add_choice(ports, order[i], out);
	buf_add_str(out, STR("</fieldset>\n"));
	add_end_field(out);
	buf_add_str(out,
		    STR("<p class=\"soft\">Guests see what the server on this port shows them, and "
			"nothing else of the workspace. If you share it with fewer people, or stop "
			"sharing it, guests are signed out immediately.</p>\n"
			"<p class=\"problem\" id=\"share-problem\" role=\"alert\" hidden></p>\n"
			"<div class=\"actions\"><button>Save</button>\n<button type=\"button\" "
			"class=\"quiet\" id=\"share-cancel\" hidden>Cancel</button></div>\n"
			"</form></details>\n"));
}
