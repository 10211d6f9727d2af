/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Drops pages of read-only file mappings, found in smaps(5). Mappings with private pages are not
 * changed: a debugger, a tracer or the loader has written to them, so the file does not have this
 * content.
 */
#include "base/process/trim_code.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#define LINE_MAX_BYTES 512

struct mapping {
	uintptr_t start;
	uintptr_t end;
	bool is_code; /* or constants: mapped from a file, and not writable */
};

/* Parses a line that starts a mapping. False: any other line; *m is unchanged. */
static bool
read_mapping(const char *line, struct mapping *m)
{
	struct mapping found;
	char permissions[5];
	unsigned long inode;

	if (sscanf(line, "%" SCNxPTR "-%" SCNxPTR " %4s %*s %*s %lu", &found.start, &found.end,
		   permissions, &inode) != 4)
		return false;
	found.is_code = inode != 0 && permissions[1] != 'w' && permissions[3] == 'p';
	*m = found;
	return true;
}

static size_t
drop(const struct mapping *m)
{
	size_t size = m->end - m->start;
	void *start;

	memcpy(&start, &m->start, sizeof(start));
	return madvise(start, size, MADV_DONTNEED) == 0 ? size : 0;
}

size_t
trim_code(void)
{
	FILE *file = fopen("/proc/self/smaps", "re");
	struct mapping mapping = {.is_code = false};
	char line[LINE_MAX_BYTES];
	size_t dropped = 0;
	unsigned long own_kib;

	if (file == NULL)
		return 0;
	while (fgets(line, sizeof(line), file) != NULL) {
		if (read_mapping(line, &mapping))
			continue;
		if (mapping.is_code && sscanf(line, "Anonymous: %lu", &own_kib) == 1 &&
		    own_kib == 0)
			dropped += drop(&mapping);
	}
	(void)fclose(file);
	return dropped;
}
