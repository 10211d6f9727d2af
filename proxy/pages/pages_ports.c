/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The servers on ports: their addresses and who may open them, and ports that are shared though no
 * server listens there. The script (assets/ports.js) adds buttons and keeps the list up to date;
 * without it the list is a snapshot.
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

/* The names are for the form, which the script fills in. */
static void
add_port(const struct page_ports *ports, uint16_t port, struct buf *out)
{
	const struct auth_share *share = pages_find_share(ports, port);
	bool is_idle = !listens(ports->list, port);

	buf_addf(out, "<li data-port=\"%u\"", port);
	if (share != NULL) {
		buf_addf(out, " data-audience=\"%s\" data-names=\"",
			 auth_audience_name(share->audience));
		pages_add_text(out, share->of);
		buf_add_byte(out, '"');
	}
	buf_addf(out, "%s><a href=\"https://%u-", is_idle ? " data-idle=\"1\"" : "", port);
	pages_add_text(out, ports->host);
	buf_addf(out, "/\">%u-", port);
	pages_add_text(out, ports->host);
	buf_add_str(out, STR("</a> "));
	pages_add_audience(ports, share, out);
	if (is_idle)
		buf_add_str(out, STR(" <span class=\"when\">no server</span>"));
	buf_add_str(out, STR("</li>\n"));
}

/* Those that listen and those that are shared, in order. */
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

/* The same sentences as in the script. */
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

	buf_add_str(out,
		    STR("<section class=\"ports\" id=\"ports\" aria-labelledby=\"ports-title\" "
			"data-address=\""));
	pages_add_text(out, str_from(p->prefix));
	buf_add_str(out, STR("/workspace\" data-audience=\""));
	pages_add_text(out, str_from(ports->audience));
	buf_add_str(out,
		    STR("\">\n<h2 id=\"ports-title\" tabindex=\"-1\">Ports</h2>\n"
			"<span class=\"off-screen\" id=\"ports-news\" role=\"status\"></span>\n"));
	buf_addf(out, "<ul id=\"ports-list\" role=\"list\"%s>\n",
		 list->count + ports->shares_count == 0 ? " hidden" : "");
	add_all(ports, out);
	buf_add_str(out, STR("</ul>\n"));
	add_note(list, out);
	pages_add_share_form(p, ports, out);
	buf_add_str(out, STR("</section>\n"));
}
