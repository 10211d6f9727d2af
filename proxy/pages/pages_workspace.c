/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The waiting page: the clone's phases, a progress bar, the start of the IDE, and for a failed
 * clone the reason and the actions to choose from.
 *
 * Renders the current state, which is complete for browsers without script (they reload every few
 * seconds); the script then updates the same elements.
 */
#include <inttypes.h>
#include <stdio.h>

#include "proxy/pages/pages_private.h"

enum progress_step {
	STEP_CONNECT,
	STEP_RECEIVE,
	STEP_RESOLVE,
	STEP_LFS,
	STEP_CHECKOUT,
	STEP_IDE,
	STEP_COUNT
};

static const struct {
	const char *id; /* the phase's name in JSON */
	const char *name;
} steps[STEP_COUNT] = {
	[STEP_CONNECT] = {"connecting", "Connecting to GitLab"},
	[STEP_RECEIVE] = {"receiving", "Receiving the repository"},
	[STEP_RESOLVE] = {"resolving", "Unpacking the history"},
	[STEP_LFS] = {"lfs", "Fetching large files"},
	[STEP_CHECKOUT] = {"checkout", "Checking out the files"},
	[STEP_IDE] = {"ide", "Starting the IDE"},
};

static const char *
name_of(const struct page *page, enum progress_step step)
{
	return step == STEP_IDE && page->port != 0 ? "Waiting for your server" : steps[step].name;
}

static void
add_last_title(const struct page *page, struct buf *out)
{
	if (page->port == 0)
		buf_add_str(out, STR("Starting your IDE"));
	else
		buf_addf(out, "No server on port %u yet", page->port);
}

static enum progress_step
step_of_phase(enum clone_phase phase)
{
	switch (phase) {
	case CLONE_WAITING:
	case CLONE_CONNECTING:
	case CLONE_FAILED:
		return STEP_CONNECT;
	case CLONE_RECEIVING:
		return STEP_RECEIVE;
	case CLONE_RESOLVING:
		return STEP_RESOLVE;
	case CLONE_LFS:
		return STEP_LFS;
	case CLONE_CHECKOUT:
		return STEP_CHECKOUT;
	case CLONE_OFF:
	case CLONE_DONE:
		break;
	}
	return STEP_IDE;
}

/* A failed clone has no phase any more; its counters show how far it got. */
static enum progress_step
step_of_failure(const struct clone_progress *clone)
{
	if (clone->counters.files_done > 0)
		return STEP_CHECKOUT;
	if (clone->lfs.objects_total > 0)
		return STEP_LFS;
	if (clone->counters.deltas_done > 0)
		return STEP_RESOLVE;
	return clone->counters.objects_done > 0 ? STEP_RECEIVE : STEP_CONNECT;
}

static void
add_size(struct buf *out, uint64_t bytes)
{
	static const char *const units[] = {"KiB", "MiB", "GiB", "TiB"};
	double value = (double)bytes / 1024.0;
	size_t unit = 0;

	if (bytes < 1024) {
		buf_addf(out, "%" PRIu64 " B", bytes);
		return;
	}
	for (; value >= 1024.0 && unit + 1 < sizeof(units) / sizeof(units[0]); unit++)
		value /= 1024.0;
	buf_addf(out, "%.1f %s", value, units[unit]);
}

/* Formats 1234567 as "1,234,567", like the script. */
static void
add_count(struct buf *out, uint64_t value)
{
	char digits[24];
	int n = snprintf(digits, sizeof(digits), "%" PRIu64, value);

	for (int i = 0; i < n; i++) {
		if (i > 0 && (n - i) % 3 == 0)
			buf_add_byte(out, ',');
		buf_add_byte(out, digits[i]);
	}
}

static void
add_ratio(struct buf *out, uint64_t done, uint64_t total, const char *unit)
{
	if (total == 0)
		return;
	add_count(out, done);
	buf_add_str(out, STR(" of "));
	add_count(out, total);
	buf_addf(out, " %s", unit);
}

static void
add_figures(struct buf *out, enum progress_step step, const struct clone_progress *clone)
{
	if (step == STEP_CONNECT && (clone->notes & CLONE_NOTE_WAITS) != 0)
		buf_add_str(out, STR("waiting for a writable directory"));
	else if (step == STEP_RECEIVE)
		add_ratio(out, clone->counters.objects_done, clone->counters.objects_total,
			  "objects");
	else if (step == STEP_RESOLVE)
		add_ratio(out, clone->counters.deltas_done, clone->counters.deltas_total, "deltas");
	else if (step == STEP_LFS && clone->phase == CLONE_LFS && clone->lfs.objects_total == 0)
		add_ratio(out, clone->counters.files_done, clone->counters.files_total,
			  "files searched");
	else if (step == STEP_LFS)
		add_ratio(out, clone->lfs.objects_done, clone->lfs.objects_total, "files");
	else if (step == STEP_CHECKOUT)
		add_ratio(out, clone->counters.files_done, clone->counters.files_total, "files");
}

static void
add_step(struct buf *out, const struct page *page, enum progress_step step,
	 enum progress_step current, const struct clone_progress *clone)
{
	bool failed = clone->phase == CLONE_FAILED;
	const char *state = "next";
	const char *word = "not started";

	if (step < current) {
		state = "done";
		word = "done";
	} else if (step == current) {
		state = failed ? "failed" : "active";
		word = failed ? "failed" : "in progress";
	}
	buf_addf(out, "<li id=\"step-%s\" data-state=\"%s\"%s%s><span><span class=\"mark\"></span>",
		 steps[step].id, state, step == current && !failed ? " aria-current=\"step\"" : "",
		 step == STEP_LFS && step != current && clone->lfs.objects_total == 0 ? " hidden"
										      : "");
	buf_addf(out,
		 "<span class=\"name\" id=\"name-%s\">%s</span>"
		 "<span class=\"off-screen\" id=\"word-%s\">, %s</span></span>",
		 steps[step].id, name_of(page, step), steps[step].id, word);
	buf_addf(out, "<span class=\"figures\" id=\"figures-%s\">", steps[step].id);
	add_figures(out, step, clone);
	buf_add_str(out, STR("</span></li>\n"));
}

static void
add_steps(struct buf *out, const struct page *page, enum progress_step current,
	  const struct clone_progress *clone)
{
	buf_add_str(out, STR("<ol id=\"steps\">\n"));
	for (enum progress_step step = STEP_CONNECT; step < STEP_COUNT; step++)
		add_step(out, page, step, current, clone);
	buf_add_str(out, STR("</ol>\n"));
}

/* Adds the text above the bar: a percentage, or words while the progress is unknown. */
static void
add_amount(struct buf *out, const struct page *page, enum progress_step current,
	   const struct clone_progress *clone)
{
	if (clone->phase == CLONE_FAILED)
		buf_add_str(out, STR("Stopped"));
	else if (current != STEP_IDE && clone->percent > 0)
		buf_addf(out, "%u%%", clone->percent);
	else if (current == STEP_IDE)
		buf_add_str(out, page->port == 0 && page->reason == NULL ? STR("Almost there")
									 : STR("Waiting"));
	else
		buf_add_str(out, STR("Getting ready"));
}

static void
add_meter(struct buf *out, const struct page *page, enum progress_step current,
	  const struct clone_progress *clone)
{
	buf_addf(out, "<span class=\"off-screen\" id=\"now\" role=\"status\">%s</span>\n",
		 name_of(page, current));
	buf_add_str(out, STR("<div class=\"meter\"><span class=\"amount\" id=\"amount\">"));
	add_amount(out, page, current, clone);
	buf_add_str(out, STR("</span><span class=\"rate\" id=\"rate\">"));
	if (clone->counters.bytes > 0)
		add_size(out, clone->counters.bytes);
	if ((clone->phase == CLONE_RECEIVING || clone->phase == CLONE_LFS) &&
	    clone->rate.bytes_per_s > 0) {
		buf_add_str(out, STR(" · "));
		add_size(out, clone->rate.bytes_per_s);
		buf_add_str(out, STR("/s"));
	}
	if (clone->rate.left_s > 0) {
		buf_add_str(out, clone->counters.bytes > 0 ? STR(" · ") : STR_NONE);
		buf_addf(out, "%" PRIu64 " %s left",
			 clone->rate.left_s < 60 ? clone->rate.left_s
						 : (clone->rate.left_s + 59) / 60,
			 clone->rate.left_s < 60 ? "s" : "min");
	}
	buf_add_str(out, STR("</span></div>\n"));
}

/* The bar has no value while the IDE starts, because that progress can't be measured. */
static void
add_progress(struct buf *out, const struct page *page, enum progress_step current,
	     const struct clone_progress *clone)
{
	bool failed = clone->phase == CLONE_FAILED;

	buf_add_str(out, STR("<div class=\"sheet\" id=\"progress\">\n"));
	add_meter(out, page, current, clone);
	buf_add_str(out, STR("<progress id=\"bar\" max=\"100\" aria-label=\"Progress\""));
	if (failed || (current != STEP_IDE && clone->percent > 0))
		buf_addf(out, " value=\"%u\"", clone->percent);
	buf_add_str(out, STR("></progress>\n"));
	if (clone->phase != CLONE_OFF)
		add_steps(out, page, current, clone);
	buf_add_str(out, STR("</div>\n"));
}

static void
add_trouble(const struct pages *p, const struct clone_progress *clone, struct buf *out)
{
	bool failed = clone->phase == CLONE_FAILED;

	buf_addf(out,
		 "<div class=\"trouble\" id=\"trouble\" role=\"alert\"%s>\n"
		 "<h2>What went wrong</h2>\n<p id=\"reason\">",
		 failed ? "" : " hidden");
	pages_add_text(out, failed ? str_from(clone->message) : STR_NONE);
	pages_add_between(out, "</p>\n<form class=\"actions\" id=\"act\" method=\"post\" action=\"",
			  str_from(p->prefix), "/workspace\">\n");
	buf_addf(out,
		 "<button id=\"retry\" name=\"action\" value=\"retry\"%s>Try again"
		 "</button>\n<button id=\"continue\" class=\"quiet\" name=\"action\" "
		 "value=\"continue\">Open the IDE without the "
		 "repository</button>\n</form>\n</div>\n",
		 clone->can_retry ? "" : " hidden");
}

static void
add_title(const struct page *page, enum progress_step current, bool failed, struct buf *out)
{
	buf_add_str(out, STR("<h1 id=\"title\">"));
	if (failed)
		buf_add_str(out, STR("The repository could not be cloned"));
	else if (current != STEP_IDE)
		buf_add_str(out, STR("Preparing your workspace"));
	else
		add_last_title(page, out);
	buf_add_str(out, STR("</h1>\n"));
}

/* Adds texts for the script: the title of the last step, and what opens after it. */
static void
add_goal(const struct page *page, struct buf *out)
{
	buf_add_str(out, STR("\" data-last=\""));
	add_last_title(page, out);
	if (page->port == 0)
		buf_add_str(out, STR("\" data-goal=\"your IDE\">\n"));
	else
		buf_addf(out, "\" data-goal=\"port %u\">\n", page->port);
}

void
pages_add_workspace(const struct pages *p, const struct page *page, struct buf *out)
{
	const struct clone_progress *clone = page->clone == NULL ? &pages_clone_off : page->clone;
	bool failed = clone->phase == CLONE_FAILED;
	enum progress_step current = failed ? step_of_failure(clone) : step_of_phase(clone->phase);

	pages_add_between(out, "<main id=\"workspace\" data-address=\"", str_from(p->prefix),
			  "/workspace\"");
	pages_add_between(out, " data-place=\"", str_from(p->workspace), "");
	add_goal(page, out);
	add_title(page, current, failed, out);
	buf_addf(out, "<p class=\"lead\" id=\"lead\"%s>%s</p>\n", failed ? " hidden" : "",
		 pages_text_find(page)->message);
	add_trouble(p, clone, out);
	pages_add_reason(page->reason, out);
	add_progress(out, page, current, clone);
	buf_add_str(out, STR("<p class=\"soft\" id=\"lost\" hidden>The connection to the workspace "
			     "was lost. Reconnecting…</p>\n"));
	pages_add_log(p, out);
	buf_add_str(out, STR("</main>\n"));
	pages_add_script(p, out);
}
