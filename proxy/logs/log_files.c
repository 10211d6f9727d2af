/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Slots of open files. A file that was deleted or rotated is read to its end before its slot is
 * freed, unless a new file needs the slot. All files share one buffer: when files take turns, lines
 * may be read twice, which costs less than a buffer for each file.
 */
#include "proxy/logs/log_files.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/process/fd.h"
#include "proxy/logs/log_directory.h"
#include "proxy/logs/log_text.h"

#define BLOCK_BYTES	(2 * LOG_TEXT_MAX)
#define SMALL_BYTES	1024u /* first read when files take turns; holds most lines */
#define PARTIAL_MS	1000u /* an incomplete line is shown after this time */
#define LOOKS_TO_RELIST 10u   /* unchanged directories are listed again after this many */

struct log_file {
	int fd; /* -1: the slot is free */
	dev_t device;
	ino_t inode;
	unsigned pattern;
	bool is_gone;	   /* deleted or renamed: closed at its end */
	bool is_skipping;  /* skipping the rest of a line that was truncated or left out */
	bool skips_next;   /* the same, after the peeked line */
	uint64_t at;	   /* offset of the next line */
	uint64_t next;	   /* offset after the peeked line */
	uint64_t limit;	   /* offset at which reading ends */
	uint64_t old_end;  /* size when the file was opened */
	uint64_t left_out; /* skipped bytes that are not reported yet */
	uint64_t partial_since_ms;
	size_t partial_bytes; /* of an incomplete last line */
	int64_t changed_ms;
	char name[NAME_MAX + 1];
};

struct log_files {
	const struct log_patterns *patterns;
	uint64_t window_bytes;
	struct log_file files[LOG_FILES_MAX];
	struct log_candidate candidates[LOG_FILES_MAX];
	struct log_candidates found;
	struct timespec listed[LOG_PATTERNS_MAX]; /* when the directories changed last */
	bool is_watched[LOG_PATTERNS_MAX];
	size_t pattern; /* index of the directory being looked at */
	DIR *directory; /* being listed; NULL: none */
	bool is_looking;
	bool must_list;
	bool has_looked;
	bool is_following;
	unsigned looks; /* number of looks since the directories were listed */
	int inotify;
	size_t work_bytes; /* read in this step */
	size_t block_slot; /* LOG_FILES_MAX: the block holds nothing */
	uint64_t block_at;
	size_t block_len;
	char block[BLOCK_BYTES];
};

struct log_files *
log_files_new(const struct log_patterns *patterns, uint64_t window_bytes)
{
	struct log_files *f = calloc(1, sizeof(*f));

	if (f == NULL)
		return NULL;
	f->patterns = patterns;
	f->window_bytes = window_bytes;
	f->found = (struct log_candidates){.items = f->candidates, .max = LOG_FILES_MAX};
	f->inotify = -1;
	f->block_slot = LOG_FILES_MAX;
	for (size_t i = 0; i < LOG_FILES_MAX; i++)
		f->files[i].fd = -1;
	return f;
}

static void
close_file(struct log_files *f, struct log_file *file)
{
	fd_close(file->fd);
	file->fd = -1;
	f->block_slot = LOG_FILES_MAX;
}

void
log_files_free(struct log_files *f)
{
	if (f == NULL)
		return;
	for (size_t i = 0; i < LOG_FILES_MAX; i++)
		close_file(f, &f->files[i]);
	if (f->directory != NULL)
		(void)closedir(f->directory);
	fd_close(f->inotify);
	free(f);
}

static void
jump(struct log_files *f, struct log_file *file, uint64_t at)
{
	file->at = at;
	file->is_skipping = at > 0;
	file->partial_bytes = 0;
	f->block_slot = LOG_FILES_MAX;
}

/* Starts a truncated file from its beginning; skips if a follower is too far behind. */
static void
look_at_file(struct log_files *f, struct log_file *file)
{
	struct stat st;

	if (file->fd < 0 || fstat(file->fd, &st) != 0)
		return;
	uint64_t size = (uint64_t)st.st_size;
	if (size < file->at) {
		file->old_end = 0;
		jump(f, file, 0);
	}
	if (f->is_following && size - file->at > LOG_FILES_BACKLOG) {
		file->left_out += size - LOG_FILES_RESUME - file->at;
		jump(f, file, size - LOG_FILES_RESUME);
	}
}

static bool
is_candidate(const struct log_file *file, const struct log_candidate *c)
{
	return file->fd >= 0 && file->inode == c->inode && file->device == c->device;
}

static void
set_start(struct log_files *f, struct log_file *file, const struct stat *st)
{
	uint64_t size = (uint64_t)st->st_size;
	uint64_t window = f->has_looked ? LOG_FILES_RESUME : f->window_bytes;

	file->device = st->st_dev;
	file->inode = st->st_ino;
	file->changed_ms = log_directory_changed_ms(st);
	file->old_end = f->has_looked ? 0 : size;
	file->limit = f->is_following ? UINT64_MAX : size;
	jump(f, file, size > window ? size - window : 0);
}

static void
open_candidate(struct log_files *f, struct log_file *file, const struct log_candidate *c)
{
	int directory = log_directory_open(f->patterns->items[c->pattern].directory);
	int fd = directory < 0 ? -1 : log_directory_open_file(directory, c->name);
	struct stat st;

	fd_close(directory);
	if (fd < 0)
		return;
	if (fstat(fd, &st) != 0) {
		(void)close(fd);
		return;
	}
	close_file(f, file);
	*file = (struct log_file){.fd = fd, .pattern = c->pattern};
	memcpy(file->name, c->name, sizeof(c->name));
	set_start(f, file, &st);
}

static struct log_file *
find_file(struct log_files *f, const struct log_candidate *c)
{
	for (size_t i = 0; i < LOG_FILES_MAX; i++)
		if (is_candidate(&f->files[i], c))
			return &f->files[i];
	return NULL;
}

static struct log_file *
find_free_slot(struct log_files *f)
{
	for (size_t i = 0; i < LOG_FILES_MAX; i++)
		if (f->files[i].fd < 0)
			return &f->files[i];
	for (size_t i = 0; i < LOG_FILES_MAX; i++)
		if (f->files[i].is_gone)
			return &f->files[i];
	return NULL;
}

/* Updates the slots: a file may have a new name, and a name may be that of a new file. */
static void
take_candidates(struct log_files *f)
{
	struct log_file *file;

	for (size_t i = 0; i < LOG_FILES_MAX; i++)
		f->files[i].is_gone = true;
	for (size_t i = 0; i < f->found.count; i++) {
		const struct log_candidate *c = &f->candidates[i];

		file = find_file(f, c);
		if (file == NULL)
			continue;
		file->is_gone = false;
		file->pattern = c->pattern;
		memcpy(file->name, c->name, sizeof(c->name));
	}
	for (size_t i = 0; i < f->found.count; i++)
		if (find_file(f, &f->candidates[i]) == NULL && (file = find_free_slot(f)) != NULL)
			open_candidate(f, file, &f->candidates[i]);
}

/* Failures are ignored: directories are also checked once a second. */
static void
watch_directory(struct log_files *f, size_t pattern, int directory)
{
	char path[32];

	if (f->inotify < 0 || f->is_watched[pattern])
		return;
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", directory);
	f->is_watched[pattern] = inotify_add_watch(f->inotify, path,
						   IN_MODIFY | IN_CREATE | IN_MOVED_TO | IN_DELETE |
							   IN_ONLYDIR) >= 0;
}

/* Sets must_list if the directory has changed. Opens it, so that no link is followed. */
static void
look_at_directory(struct log_files *f, size_t pattern)
{
	int fd = log_directory_open(f->patterns->items[pattern].directory);
	struct stat st = {.st_mtim = {.tv_sec = 0}};

	if (fd >= 0 && fstat(fd, &st) == 0)
		watch_directory(f, pattern, fd);
	fd_close(fd);
	if (st.st_mtim.tv_sec != f->listed[pattern].tv_sec ||
	    st.st_mtim.tv_nsec != f->listed[pattern].tv_nsec)
		f->must_list = true;
	f->listed[pattern] = st.st_mtim;
}

static void
begin_look(struct log_files *f)
{
	for (size_t i = 0; i < LOG_FILES_MAX; i++)
		look_at_file(f, &f->files[i]);
	f->must_list = f->must_list || ++f->looks >= LOOKS_TO_RELIST;
	for (size_t i = 0; i < f->patterns->count; i++)
		look_at_directory(f, i);
	f->pattern = 0;
	f->found.count = 0;
	f->is_looking = true;
}

static void
list_piece(struct log_files *f)
{
	const char *path = f->patterns->items[f->pattern].directory;
	const char *name = f->patterns->items[f->pattern].name;

	if (f->directory == NULL) {
		int fd = log_directory_open(path);

		f->directory = fd < 0 ? NULL : fdopendir(fd);
		if (f->directory == NULL && fd >= 0)
			(void)close(fd);
		f->found.seen = 0;
	}
	if (f->directory != NULL &&
	    !log_directory_list(f->directory, name, (unsigned)f->pattern, &f->found))
		return;
	if (f->directory != NULL)
		(void)closedir(f->directory);
	f->directory = NULL;
	f->pattern++;
}

bool
log_files_refresh(struct log_files *f)
{
	if (!f->is_looking)
		begin_look(f);
	if (f->must_list && f->pattern < f->patterns->count) {
		list_piece(f);
		return false;
	}
	if (f->must_list)
		take_candidates(f);
	f->looks = f->must_list ? 0 : f->looks;
	f->must_list = false;
	f->is_looking = false;
	f->has_looked = true;
	return true;
}

static struct str
read_block(struct log_files *f, size_t slot, size_t bytes_max)
{
	const struct log_file *file = &f->files[slot];
	uint64_t left = file->limit > file->at ? file->limit - file->at : 0;
	size_t wanted = left < bytes_max ? (size_t)left : bytes_max;
	ssize_t n = wanted == 0 ? 0 : pread(file->fd, f->block, wanted, (off_t)file->at);

	f->block_slot = slot;
	f->block_at = file->at;
	f->block_len = n < 0 ? 0 : (size_t)n;
	f->work_bytes += f->block_len;
	return (struct str){f->block, f->block_len};
}

/* Returns the bytes in the block from the file's offset on. */
static struct str
block_view(const struct log_files *f, size_t slot)
{
	uint64_t at = f->files[slot].at;

	if (f->block_slot != slot || at < f->block_at || at >= f->block_at + f->block_len)
		return STR_NONE;
	return str_skip((struct str){f->block, f->block_len}, (size_t)(at - f->block_at));
}

/* Returns bytes from the file's offset on: at least a whole line, LOG_TEXT_MAX bytes, or the rest.
 */
static struct str
load(struct log_files *f, size_t slot)
{
	struct str view = block_view(f, slot);
	bool takes_turns = f->block_slot != slot;

	if (view.len >= LOG_TEXT_MAX || str_find_byte(view, '\n') != SIZE_MAX)
		return view;
	view = takes_turns ? read_block(f, slot, SMALL_BYTES) : STR_NONE;
	if (view.len > 0 && str_find_byte(view, '\n') != SIZE_MAX)
		return view;
	return read_block(f, slot, BLOCK_BYTES);
}

/* Whether another call of load might exceed the limit of a step. */
static bool
is_step_used_up(const struct log_files *f)
{
	return f->work_bytes + SMALL_BYTES + BLOCK_BYTES > LOG_FILES_STEP;
}

/* Skips to the next line. */
static enum log_files_result
skip_line(struct log_files *f, size_t slot)
{
	struct log_file *file = &f->files[slot];

	while (file->is_skipping) {
		struct str view = load(f, slot);
		size_t end = str_find_byte(view, '\n');

		if (view.len == 0)
			return LOG_FILES_NONE;
		file->is_skipping = end == SIZE_MAX;
		file->at += file->is_skipping ? view.len : end + 1;
		if (is_step_used_up(f))
			return LOG_FILES_BUSY;
	}
	return LOG_FILES_LINE;
}

/* Whether to show an incomplete last line now, so that the last output of a program is not missing.
 */
static bool
is_due(const struct log_files *f, struct log_file *file, size_t bytes)
{
	uint64_t now_ms = clock_monotonic_ms();

	if (!f->is_following || file->is_gone)
		return true;
	if (file->partial_bytes != bytes) {
		file->partial_bytes = bytes;
		file->partial_since_ms = now_ms;
	}
	return now_ms - file->partial_since_ms >= PARTIAL_MS;
}

static enum log_files_result
end_of_file(struct log_files *f, struct log_file *file)
{
	if (file->is_gone && f->is_following)
		close_file(f, file);
	return LOG_FILES_NONE;
}

static enum log_files_result
peek_text(struct log_files *f, size_t slot, struct log_file_line *line)
{
	struct log_file *file = &f->files[slot];
	struct str view = load(f, slot);
	size_t end = str_find_byte(str_take(view, LOG_TEXT_MAX), '\n');

	if (view.len == 0)
		return end_of_file(f, file);
	line->is_cut = end == SIZE_MAX && view.len >= LOG_TEXT_MAX;
	if (end == SIZE_MAX && !line->is_cut && !is_due(f, file, view.len))
		return LOG_FILES_NONE;
	line->text = str_take(view, end == SIZE_MAX ? LOG_TEXT_MAX : end);
	file->next = file->at + line->text.len + (end != SIZE_MAX);
	file->skips_next = line->is_cut;
	return LOG_FILES_LINE;
}

enum log_files_result
log_files_peek(struct log_files *f, size_t slot, struct log_file_line *line)
{
	struct log_file *file = &f->files[slot];
	enum log_files_result result;

	*line = (struct log_file_line){.file = file->name, .changed_ms = file->changed_ms};
	if (file->fd < 0)
		return LOG_FILES_NONE;
	if (is_step_used_up(f))
		return LOG_FILES_BUSY;
	if (file->left_out > 0) {
		line->left_out_bytes = file->left_out;
		return LOG_FILES_LINE;
	}
	result = skip_line(f, slot);
	if (result != LOG_FILES_LINE)
		return result == LOG_FILES_NONE ? end_of_file(f, file) : result;
	line->at = file->at;
	line->is_old = file->at < file->old_end;
	return peek_text(f, slot, line);
}

void
log_files_take(struct log_files *f, size_t slot)
{
	struct log_file *file = &f->files[slot];

	if (file->left_out > 0) {
		file->left_out = 0;
		return;
	}
	file->at = file->next;
	file->is_skipping = file->skips_next;
	file->partial_bytes = 0;
}

void
log_files_seek(struct log_files *f, size_t slot, uint64_t at)
{
	f->files[slot].at = at;
	f->files[slot].is_skipping = false;
}

void
log_files_follow(struct log_files *f)
{
	f->is_following = true;
	for (size_t i = 0; i < LOG_FILES_MAX; i++)
		f->files[i].limit = UINT64_MAX;
	f->inotify = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	f->must_list = true;
}

void
log_files_begin_step(struct log_files *f)
{
	f->work_bytes = 0;
}

int
log_files_events(const struct log_files *f)
{
	return f->inotify;
}

/* Bounded: remaining events are read at the next call. */
void
log_files_clear_events(struct log_files *f)
{
	_Alignas(struct inotify_event) char events[4096];
	unsigned rounds = 16;

	while (f->inotify >= 0 && rounds-- > 0 && read(f->inotify, events, sizeof(events)) > 0)
		continue;
}
