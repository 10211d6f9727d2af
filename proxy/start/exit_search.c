/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Searches one file after the other. Uses the last matching line of a file, unless many lines
 * follow it. Of several files, prefers one that reports lack of memory.
 */
#include "proxy/start/exit_search.h"

#include <stdlib.h>

#include "proxy/logs/log_files.h"
#include "proxy/logs/log_text.h"

#define WINDOW_BYTES   (16u * 1024u) /* of each file */
#define LAST_LINES     20u	     /* if more lines follow, the program was started again */
#define LINES_PER_STEP 1024u	     /* bounds the time for short lines */

struct exit_search {
	struct log_files *files;
	bool has_looked;
	size_t slot;	       /* of the current file */
	unsigned lines_since;  /* number of lines after `end`, up to LAST_LINES and more: none */
	struct ide_reason end; /* the last one reported in the current file */
	bool has_found;
	struct ide_reason found;
	struct log_text text;
};

struct exit_search *
exit_search_new(const struct log_patterns *patterns)
{
	struct exit_search *w = calloc(1, sizeof(*w));

	if (w == NULL)
		return NULL;
	w->lines_since = LAST_LINES;
	log_text_init(&w->text);
	w->files = log_files_new(patterns, WINDOW_BYTES);
	if (w->files != NULL)
		return w;
	exit_search_free(w);
	return NULL;
}

void
exit_search_free(struct exit_search *w)
{
	if (w == NULL)
		return;
	log_files_free(w->files);
	log_text_fini(&w->text);
	free(w);
}

static void
read_line(struct exit_search *w, struct str line)
{
	struct ide_reason end;

	log_text_parse(&w->text, line);
	w->lines_since++;
	if (!ide_reason_from_line(&end, w->text.message))
		return;
	w->end = end;
	w->lines_since = 0;
}

static void
end_file(struct exit_search *w)
{
	if (w->lines_since < LAST_LINES &&
	    (!w->has_found || w->end.code == IDE_REASON_OUT_OF_MEMORY)) {
		w->found = w->end;
		w->has_found = true;
	}
	w->lines_since = LAST_LINES;
	w->slot++;
}

bool
exit_search_step(struct exit_search *w)
{
	struct log_file_line line;

	log_files_begin_step(w->files);
	if (!w->has_looked) {
		w->has_looked = log_files_refresh(w->files);
		return false;
	}
	for (unsigned lines = 0; w->slot < LOG_FILES_MAX && lines < LINES_PER_STEP;) {
		enum log_files_result result = log_files_peek(w->files, w->slot, &line);

		if (result == LOG_FILES_BUSY)
			return false;
		if (result == LOG_FILES_NONE) {
			end_file(w);
			continue;
		}
		read_line(w, line.text);
		log_files_take(w->files, w->slot);
		lines++;
	}
	return w->slot == LOG_FILES_MAX;
}

const struct ide_reason *
exit_search_found(const struct exit_search *w)
{
	return w->has_found ? &w->found : NULL;
}
