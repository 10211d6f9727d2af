/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sections of the waiting and status pages: the log, why the IDE does not respond, and the steps of
 * the start.
 *
 * The script (assets/log.js) fetches the lines of the log and inserts them as text; without script
 * the section has a link.
 */
#include <inttypes.h>

#include "proxy/pages/pages_private.h"

void
pages_add_reason(const struct ide_reason *reason, struct buf *out)
{
	buf_addf(out,
		 "<div class=\"trouble\" id=\"known\" role=\"status\"%s>\n"
		 "<h2>Why the IDE does not respond</h2>\n<p id=\"known-message\">",
		 reason == NULL ? " hidden" : "");
	pages_add_text(out, reason == NULL ? STR_NONE : str_from(reason->message));
	buf_addf(out, "</p>\n<p id=\"known-line\"%s><code id=\"known-code\">",
		 reason == NULL || reason->line[0] == '\0' ? " hidden" : "");
	pages_add_text(out, reason == NULL ? STR_NONE : str_from(reason->line));
	pages_add_between(out, "</code></p>\n<p id=\"known-hint\">",
			  reason == NULL ? STR_NONE : str_from(reason->hint), "</p>\n</div>\n");
}

void
pages_add_log(const struct pages *p, struct buf *out)
{
	struct str prefix = str_from(p->prefix);

	pages_add_between(
		out,
		"<section class=\"log\" id=\"log\" aria-labelledby=\"log-title\" data-address=\"",
		prefix,
		"/workspace/log\">\n<div class=\"log-head\"><h2 id=\"log-title\">Log</h2>\n"
		"<div class=\"log-tools\" id=\"log-tools\" hidden>"
		"<button type=\"button\" class=\"quiet\" id=\"log-pause\">Pause</button>\n"
		"<button type=\"button\" class=\"quiet\" id=\"log-copy\">Copy</button>\n");
	pages_add_between(
		out, "<a class=\"button quiet\" download=\"workspace-log.txt\" href=\"", prefix,
		"/workspace/log?lines=1000\">Download</a></div></div>\n"
		"<span class=\"off-screen\" id=\"log-news\" role=\"status\"></span>\n"
		"<div class=\"log-lines\" id=\"log-lines\" role=\"log\" aria-live=\"off\" "
		"aria-labelledby=\"log-title\" tabindex=\"0\" hidden></div>\n");
	pages_add_between(out, "<p class=\"soft\" id=\"log-state\"><a href=\"", prefix,
			  "/workspace/log\">Show the log</a></p>\n</section>\n");
}

void
pages_add_script(const struct pages *p, struct buf *out)
{
	buf_add_str(out, STR("<script>"));
	buf_add_str(out, str_from(p->script));
	buf_add_str(out, STR("</script>\n"));
}

static void
add_seconds(struct buf *out, uint64_t duration_us)
{
	if (duration_us < 1000000)
		buf_addf(out, "%" PRIu64 " ms", duration_us / 1000);
	else
		buf_addf(out, "%.1f s", (double)duration_us / 1000000.0);
}

void
pages_add_start(const struct page_status *s, struct buf *out)
{
	static const char *const names[START_STEPS] = {
		[START_SIDECAR] = "Sidecar",
		[START_SIGN_IN] = "Waiting for a sign-in",
		[START_CONNECTING] = "Clone: connecting",
		[START_RECEIVING] = "Clone: receiving",
		[START_RESOLVING] = "Clone: unpacking",
		[START_LFS] = "Clone: fetching large files",
		[START_CHECKOUT] = "Clone: checking out",
		[START_IDE] = "IDE responds after",
	};
	uint64_t durations_us[START_STEPS];
	const char *separator = "";

	start_timeline_durations(s->timeline, s->answered_ms, durations_us);
	for (enum start_step step = START_SIDECAR; step < START_STEPS; step++) {
		if (durations_us[step] == 0)
			continue;
		buf_addf(out, "%s%s <span class=\"when\">", separator, names[step]);
		add_seconds(out, durations_us[step]);
		buf_addf(out, "%s</span>",
			 start_timeline_is_over(s->timeline, step, s->answered_ms) ? ""
										   : " so far");
		separator = "<br>";
	}
}
