/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The list of ports: the addresses of those with a server and of shared ones, and who may open
 * them. The script (assets/ports.js) adds buttons and updates the list; without it the list is a
 * snapshot.
 */
#include "proxy/pages/pages_private.h"

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
		pages_add_between(out, " data-names=\"", share->of, "\"");
	}
	buf_addf(out, "%s><a href=\"https://%u-", is_idle ? " data-idle=\"1\"" : "", port);
	pages_add_between(out, "", ports->host, "/\">");
	buf_addf(out, "%u-", port);
	pages_add_between(out, "", ports->host, "</a> ");
	pages_add_audience(ports, share, out);
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
	pages_add_share_form(p, ports, out);
	buf_add_str(out, STR("</section>\n"));
}
