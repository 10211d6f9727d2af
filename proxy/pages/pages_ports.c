/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The list of ports: the addresses of those with a server and of shared ones, and who may open
 * them. The script (assets/ports.js) adds buttons and updates the list; without it the list is a
 * snapshot. The form that changes with whom a port is shared: the script (assets/share.js) opens it
 * below a port of the list; without script the form has a field for the port.
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
	struct str names = share->members;

	if (share->audience == AUTH_AUDIENCE_GROUP)
		buf_add_str(out, STR("Members of "));
	pages_add_text(out, str_take(names, NAMES_MAX));
	if (names.len > NAMES_MAX)
		buf_add_str(out, STR("…"));
}

/* Adds who may open a port, and until when. */
static void
add_audience(const struct page_ports *ports, const struct auth_share *share, struct buf *out)
{
	char until[CLOCK_RFC3339_SIZE];

	if (share == NULL) {
		pages_add_between(out, "<span class=\"when\">", str_from(ports->audience),
				  "</span>");
		return;
	}
	buf_addf(out, "<span class=\"badge\" data-is=\"%s\">", auth_audience_name(share->audience));
	if (str_is_empty(share->members))
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
		 name, label, label, is_optional ? " (empty: the administrator's default)" : "");
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
		if (ports->may_share_with[i] && i != AUTH_AUDIENCE_OWNER)
			return true;
	return false;
}

/* Adds nothing if sharing is off. */
static void
add_share_form(const struct pages *p, const struct page_ports *ports, struct buf *out)
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
		if (ports->may_share_with[order[i]])
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

static bool
listens(const struct port_list *list, uint16_t port)
{
	for (size_t i = 0; i < list->count; i++)
		if (list->ports[i] == port)
			return true;
	return false;
}

/* data-names: for the script, which fills in the form for sharing. */
static void
add_port(const struct page_ports *ports, uint16_t port, struct buf *out)
{
	const struct auth_share *share = pages_find_share(ports, port);
	bool is_idle = !listens(ports->list, port);

	buf_addf(out, "<li data-port=\"%u\"", port);
	if (share != NULL) {
		buf_addf(out, " data-audience=\"%s\"", auth_audience_name(share->audience));
		pages_add_between(out, " data-names=\"", share->members, "\"");
	}
	buf_addf(out, "%s><a href=\"https://%u-", is_idle ? " data-idle=\"1\"" : "", port);
	pages_add_between(out, "", ports->host, "/\">");
	buf_addf(out, "%u-", port);
	pages_add_between(out, "", ports->host, "</a> ");
	add_audience(ports, share, out);
	if (is_idle)
		buf_add_str(out, STR(" <span class=\"when\">no server</span>"));
	buf_add_str(out, STR("</li>\n"));
}

/* Adds the ports with a server and the shared ones, in ascending order. */
static void
add_all(const struct page_ports *ports, struct buf *out)
{
	const struct port_list *list = ports->list;
	size_t i = 0;

	for (size_t k = 0; k <= ports->shares_count; k++) {
		bool is_last = k == ports->shares_count;
		uint16_t shared = is_last ? UINT16_MAX : ports->shares[k].port;

		for (; i < list->count && (is_last || list->ports[i] <= shared); i++)
			add_port(ports, list->ports[i], out);
		if (is_last || listens(list, shared))
			continue;
		add_port(ports, shared, out);
	}
}

/* The script has the same sentences. */
static void
add_note(const struct port_list *list, struct buf *out)
{
	buf_addf(out, "<p class=\"soft\" id=\"ports-note\"%s>",
		 list->problem[0] == '\0' && list->count > 0 && list->more == 0 ? " hidden" : "");
	if (list->problem[0] != '\0')
		pages_add_text(out, str_from(list->problem));
	else if (list->more > 0)
		buf_addf(out, "And %zu more.", list->more);
	else
		buf_add_str(out, STR("No server is running on a published port."));
	buf_add_str(out, STR("</p>\n"));
}

void
pages_add_ports(const struct pages *p, const struct page_ports *ports, struct buf *out)
{
	const struct port_list *list = ports->list;

	pages_add_between(out,
			  "<section class=\"ports\" id=\"ports\" aria-labelledby=\"ports-title\" "
			  "data-address=\"",
			  str_from(p->prefix), "/workspace\"");
	pages_add_between(out, " data-audience=\"", str_from(ports->audience),
			  "\">\n<h2 id=\"ports-title\" tabindex=\"-1\">Ports</h2>\n<span "
			  "class=\"off-screen\" id=\"ports-news\" role=\"status\"></span>\n");
	buf_addf(out, "<ul id=\"ports-list\" role=\"list\"%s>\n",
		 list->count + ports->shares_count == 0 ? " hidden" : "");
	add_all(ports, out);
	buf_add_str(out, STR("</ul>\n"));
	add_note(list, out);
	add_share_form(p, ports, out);
	buf_add_str(out, STR("</section>\n"));
}
