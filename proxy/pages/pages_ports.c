/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The servers on ports: their addresses and who may open them. The script (assets/ports.js) adds
 * buttons, and what comes and goes; without it this is a snapshot.
 */
#include "proxy/pages/pages_private.h"

static void
add_port(const struct page_ports *ports, uint16_t port, struct buf *out)
{
	buf_addf(out, "<li data-port=\"%u\"><a href=\"https://%u-", port, port);
	pages_add_text(out, ports->host);
	buf_addf(out, "/\">%u-", port);
	pages_add_text(out, ports->host);
	buf_add_str(out, STR("</a> <span class=\"when\">"));
	pages_add_text(out, str_from(ports->audience));
	buf_add_str(out, STR("</span></li>\n"));
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
		buf_add_str(out, STR("No server listens on a port that has an address."));
	buf_add_str(out, STR("</p>\n</section>\n"));
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
		 list->count == 0 ? " hidden" : "");
	for (size_t i = 0; i < list->count; i++)
		add_port(ports, list->ports[i], out);
	buf_add_str(out, STR("</ul>\n"));
	add_note(list, out);
}
