/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rotates at the start of a line, or within a line that is too long. Keeps one older file only: the
 * sidecar shows the last megabyte, and the disk of a workspace is small.
 */
#include "proxy/command/run_log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/clock_parse.h"
#include "base/process/fd.h"
#include "proxy/command/run.h"

#define PATH_BYTES	4096
#define LINE_END_WITHIN 65536u /* bytes beyond RUN_ROTATE_BYTES at which a line is cut */

bool
run_log_open(struct run_log *l, const char *path)
{
	struct stat st;
	int fd =
		open(path,
		     O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC | O_NOCTTY,
		     0644);

	*l = (struct run_log){.path = path, .fd = -1};
	if (fd < 0)
		return false;
	if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode)) {
		(void)close(fd);
		errno = EINVAL;
		return false;
	}
	l->fd = fd;
	l->bytes = (uint64_t)st.st_size;
	return true;
}

void
run_log_close(struct run_log *l)
{
	fd_close(l->fd);
	l->fd = -1;
}

/* Renames the file and opens a new one. If that fails, truncates it, so that it can't grow without
 * limit. */
static void
rotate(struct run_log *l)
{
	char older[PATH_BYTES];
	struct run_log fresh;

	(void)snprintf(older, sizeof(older), "%s.1", l->path);
	if (rename(l->path, older) != 0 || !run_log_open(&fresh, l->path)) {
		(void)!ftruncate(l->fd, 0);
		l->bytes = 0;
		return;
	}
	(void)close(l->fd);
	l->fd = fresh.fd;
	l->bytes = fresh.bytes;
}

/* Lines are lost while the disk is full. */
static void
write_log(struct run_log *l, struct str data)
{
	if (fd_write_all(l->fd, data))
		l->bytes += data.len;
}

/* Writes a timestamp, unless the line begins with one ("2026-…" or "[2026-…"). */
static void
begin_line(struct run_log *l, struct str line)
{
	char time[CLOCK_RFC3339_SIZE];
	struct str text = str_skip(line, line.len > 0 && line.data[0] == '[');
	int64_t ignored;

	if (l->bytes >= RUN_ROTATE_BYTES)
		rotate(l);
	if (clock_parse_time(text.data, text.len, &ignored, NULL) > 0)
		return;
	clock_format_rfc3339(clock_wall_us() / 1000, time, sizeof(time));
	write_log(l, str_from(time));
	write_log(l, STR(" "));
}

void
run_log_end_line(struct run_log *l)
{
	if (l->fd >= 0 && l->is_inside[l->last])
		write_log(l, STR("\n"));
	l->is_inside[l->last] = false;
}

void
run_log_add(struct run_log *l, size_t stream, struct str data)
{
	if (l->fd < 0 || data.len == 0)
		return;
	if (stream != l->last)
		run_log_end_line(l);
	l->last = stream;
	while (data.len > 0) {
		size_t end = str_find_byte(data, '\n');
		struct str line = str_take(data, end == SIZE_MAX ? data.len : end + 1);

		if (l->bytes >= RUN_ROTATE_BYTES + LINE_END_WITHIN)
			run_log_end_line(l);
		if (!l->is_inside[stream])
			begin_line(l, line);
		write_log(l, line);
		l->is_inside[stream] = end == SIZE_MAX;
		data = str_skip(data, line.len);
	}
}
