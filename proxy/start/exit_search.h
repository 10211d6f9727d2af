/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Searches the workspace's log files for a line that reports the end of the IDE, in bounded steps.
 */
#ifndef PROXY_START_EXIT_SEARCH_H
#define PROXY_START_EXIT_SEARCH_H

#include "proxy/logs/log_patterns.h"
#include "proxy/start/ide_reason.h"

struct exit_search;

/* Starts a search. The patterns outlive it. NULL: out of memory. */
struct exit_search *exit_search_new(const struct log_patterns *patterns) MUST_CHECK;
void exit_search_free(struct exit_search *w); /* does nothing for NULL */

/* Reads at most LOG_FILES_STEP bytes, or a part of a directory. True when the search is complete.
 */
bool exit_search_step(struct exit_search *w);

/* Returns the end found so far, or NULL. Valid as long as w. */
const struct ide_reason *exit_search_found(const struct exit_search *w);

#endif
