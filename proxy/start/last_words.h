/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Searches the workspace's log files for a line that reports the end of the IDE, in bounded steps.
 */
#ifndef PROXY_START_LAST_WORDS_H
#define PROXY_START_LAST_WORDS_H

#include "proxy/logs/log_patterns.h"
#include "proxy/start/ide_reason.h"

struct last_words;

/* Starts a search. The patterns outlive it. NULL without memory. */
struct last_words *last_words_new(const struct log_patterns *patterns) MUST_CHECK;
void last_words_free(struct last_words *w); /* NULL is fine */

/* Reads at most LOG_FILES_STEP bytes, or a part of a directory. True when the search is complete.
 */
bool last_words_step(struct last_words *w);

/* Returns the end found so far, or NULL. Valid as long as w. */
const struct ide_reason *last_words_found(const struct last_words *w);

#endif
