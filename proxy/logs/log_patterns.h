/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The value of LOG_FILES: which files of the workspace are shown as its log.
 */
#ifndef PROXY_LOGS_LOG_PATTERNS_H
#define PROXY_LOGS_LOG_PATTERNS_H

#include "base/arena.h"

#define LOG_PATTERNS_MAX 8

struct log_patterns {
	struct {
		const char *directory; /* absolute, without wildcards */
		const char *name;      /* for fnmatch(3) */
	} items[LOG_PATTERNS_MAX];
	size_t count;
};

/* Parses absolute paths, separated by commas, with wildcards in their last components only, such as
 * "/tmp/workspace-logs/" "*.log,/var/log/ide.log". Copies the strings to the arena. */
bool log_patterns_parse(struct log_patterns *p, struct str text, struct arena *a,
			struct err *e) MUST_CHECK;

void log_patterns_format(const struct log_patterns *p, struct buf *out);

#endif
