/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Searches the workspace's log files for a line that reports the end of the IDE, in bounded steps.
 */
#ifndef PROXY_START_LAST_WORDS_H
#define PROXY_START_LAST_WORDS_H

#include "proxy/logs/log_patterns.h"
#include "proxy/start/ide_reason.h"

struct last_words;

/* NULL without memory. The patterns outlive it. */
struct last_words *last_words_new(const struct log_patterns *patterns) MUST_CHECK;
void last_words_free(struct last_words *w); /* NULL is fine */

/* Reads at most LOG_FILES_STEP bytes, or a piece of a directory. True when the search is over. */
bool last_words_step(struct last_words *w);

/* What the last lines tell, as far as they were read; NULL: of no end. Valid as long as w. */
const struct ide_reason *last_words_found(const struct last_words *w);

#endif
