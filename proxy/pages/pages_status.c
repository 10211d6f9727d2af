/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The status page: user, session times, repository, state of the IDE, and sign-out.
 *
 * A snapshot, except for ports and log. Shows times in UTC, and relative to now, which needs no
 * time zone.
 */
#include <inttypes.h>

#include "base/clock.h"
#include "proxy/pages/pages_private.h"

enum mark { MARK_GOOD, MARK_BUSY, MARK_BAD };

static void
begin_fact(struct buf *out, const char *name)
{
	buf_addf(out, "<div><dt>%s</dt><dd>", name);
}

static void
end_fact(struct buf *out)
{
	buf_add_str(out, STR("</dd></div>\n"));
}

/* Adds a coloured dot, and a text with the same meaning. */
static void
add_mark(struct buf *out, enum mark mark, const char *words)
{
	static const char *const names[] = {
		[MARK_GOOD] = "good", [MARK_BUSY] = "busy", [MARK_BAD] = "bad"};

	buf_addf(out, "<span class=\"dot\" data-is=\"%s\"></span>%s", names[mark], words);
}

static void
add_duration(struct buf *out, uint64_t seconds)
{
	static const struct {
		uint64_t below_s;
		uint64_t unit_s;
		const char *name;
	} units[] = {
		{120, 1, "second"},
		{7200, 60, "minute"},
		{172800, 3600, "hour"},
		{UINT64_MAX, 86400, "day"},
	};
	size_t i = 0;

	while (seconds >= units[i].below_s && i + 1 < sizeof(units) / sizeof(units[0]))
		i++;
	uint64_t count = (seconds + units[i].unit_s / 2) / units[i].unit_s;
	buf_addf(out, "%" PRIu64 " %s%s", count, units[i].name, count == 1 ? "" : "s");
}

static void
add_time(struct buf *out, int64_t then_ms)
{
	int64_t from_now_s = then_ms / 1000 - clock_wall_s();
	char date[CLOCK_RFC3339_SIZE];

	clock_format_rfc3339(then_ms, date, sizeof(date));
	buf_addf(out, "<time datetime=\"%s\">", date);
	if (from_now_s > -5 && from_now_s < 5) {
		buf_add_str(out, STR("just now"));
	} else if (from_now_s < 0) {
		add_duration(out, (uint64_t)-from_now_s);
		buf_add_str(out, STR(" ago"));
	} else {
		buf_add_str(out, STR("in "));
		add_duration(out, (uint64_t)from_now_s);
	}
	buf_addf(out, "</time> <span class=\"when\">%.10s %.5s UTC</span>", date, date + 11);
}

static void
add_history(enum clone_history_state state, struct buf *out)
{
	if (state == CLONE_HISTORY_COMING)
		buf_add_str(out, STR(", its history is still being fetched"));
	else if (state == CLONE_HISTORY_MISSING)
		buf_add_str(out, STR(", its history is missing"));
}

static void
add_repository(const struct page *page, struct buf *out)
{
	const struct page_status *s = page->session;
	const struct clone_progress *clone = page->clone;

	begin_fact(out, "Repository");
	if (clone == NULL || clone->phase == CLONE_OFF)
		buf_add_str(out, str_is_empty(s->repository) ? STR("None configured")
							     : STR("Skipped, as you chose"));
	else if (clone->phase == CLONE_DONE)
		add_mark(out, MARK_GOOD, "Cloned");
	else if (clone->phase == CLONE_FAILED)
		add_mark(out, MARK_BAD, "Could not be cloned");
	else
		add_mark(out, MARK_BUSY, "Being cloned");
	if (clone != NULL && clone->phase != CLONE_DONE && clone->phase != CLONE_FAILED &&
	    clone->percent > 0)
		buf_addf(out, ", %u%%", clone->percent);
	if (clone != NULL)
		add_history(clone->history.state, out);
	if (!str_is_empty(s->repository))
		pages_add_between(out, "<br><code>", s->repository, "</code>");
	if (s->directory != NULL)
		pages_add_between(out, "<br><span class=\"when\">in </span><code>",
				  str_from(s->directory), "</code>");
	end_fact(out);
}

static void
add_facts(const struct page *page, struct buf *out)
{
	const struct page_status *s = page->session;

	buf_add_str(out, STR("<dl class=\"sheet\">\n"));
	if (page->port == 0)
		begin_fact(out, "IDE");
	else
		buf_addf(out, "<div><dt>Port %u</dt><dd>", page->port);
	add_mark(out, page->is_ready ? MARK_GOOD : MARK_BUSY,
		 page->is_ready ? "Running" : "Not responding yet");
	end_fact(out);
	add_repository(page, out);
	begin_fact(out, "Signed in as");
	pages_add_identity(out, &page->identity);
	end_fact(out);
	begin_fact(out, "Since");
	add_time(out, s->times.opened_ms);
	end_fact(out);
	begin_fact(out, "Access last checked");
	add_time(out, s->times.answered_ms);
	end_fact(out);
	begin_fact(out, "Session ends");
	add_time(out, s->times.expires_ms);
	if (s->times.idle_limit_ms > 0 && s->times.idle_limit_ms < INT64_MAX) {
		buf_add_str(out, STR("<br><span class=\"when\">or after "));
		add_duration(out, (uint64_t)s->times.idle_limit_ms / 1000);
		buf_add_str(out, STR(" of inactivity</span>"));
	}
	end_fact(out);
	if (s->timeline != NULL) {
		begin_fact(out, "Start");
		pages_add_start(s, out);
		end_fact(out);
	}
	buf_add_str(out, STR("</dl>\n"));
}

void
pages_add_status(const struct pages *p, const struct page *page, struct buf *out)
{
	bool is_open = page->clone == NULL || page->clone->phase == CLONE_DONE;

	buf_addf(out, "<main class=\"status\">\n<h1>%s</h1>\n<p class=\"lead\">%s</p>\n",
		 pages_text_find(page)->title,
		 page->is_ready && is_open ? pages_text_find(page)->message
					   : "It is not ready yet. Open it to see its progress.");
	if (page->reason != NULL)
		pages_add_reason(page->reason, out);
	add_facts(page, out);
	pages_add_between(out, "<form class=\"actions\" method=\"post\" action=\"",
			  str_from(p->prefix),
			  "/sign_out\">\n<a class=\"button\" href=\"/\">Open the workspace</a>\n"
			  "<button class=\"quiet\">Sign out</button>\n"
			  "<button class=\"quiet\" name=\"all\" value=\"1\">Sign out on all "
			  "devices</button>\n</form>\n");
	if (page->session->ports != NULL)
		pages_add_ports(p, page->session->ports, out);
	if (page->session->has_ssh)
		pages_add_desktop(p, page->session, out);
	pages_add_log(p, out);
	buf_add_str(out, STR("</main>\n"));
	pages_add_script(p, out);
}
