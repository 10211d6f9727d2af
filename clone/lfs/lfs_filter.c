/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A pattern matches a file if it matches its path or the path of a folder above it; one without a
 * slash matches names.
 */
#include "clone/lfs/lfs_filter.h"

#include "clone/checkout/wildmatch.h"
#include "clone/git/config_text.h"

void
lfs_filter_init(struct lfs_filter *f)
{
	buf_init(&f->include, LFS_FILTER_MAX_BYTES);
	buf_init(&f->exclude, LFS_FILTER_MAX_BYTES);
	f->steps_left = LFS_FILTER_STEPS;
}

void
lfs_filter_fini(struct lfs_filter *f)
{
	buf_fini(&f->include);
	buf_fini(&f->exclude);
}

static void
on_config(const struct config_text_entry *entry, void *arg)
{
	struct lfs_filter *f = arg;
	struct buf *patterns = NULL;

	if (str_equal(entry->name, STR("lfs.fetchinclude")))
		patterns = &f->include;
	else if (str_equal(entry->name, STR("lfs.fetchexclude")))
		patterns = &f->exclude;
	if (patterns == NULL)
		return;
	buf_clear(patterns);
	(void)buf_add_str(patterns, entry->value);
}

void
lfs_filter_read(struct lfs_filter *f, struct str text)
{
	config_text_read(text, on_config, f);
}

static bool
matches(struct str pattern, struct str path, uint64_t *steps_left)
{
	bool is_name;
	size_t start = 0;

	while (str_ends_with(pattern, STR("/")))
		pattern.len--;
	is_name = str_find_byte(pattern, '/') == SIZE_MAX;
	if (str_starts_with(pattern, STR("/")))
		pattern = str_skip(pattern, 1);
	if (str_is_empty(pattern) || pattern.len > LFS_FILTER_PATTERN_BYTES)
		return false;
	/* Folders from the top, then the file. */
	for (size_t end = 0; end <= path.len; end++) {
		if (end < path.len && path.data[end] != '/')
			continue;
		if (wildmatch_within(pattern,
				     is_name ? str_skip(str_take(path, end), start)
					     : str_take(path, end),
				     true, steps_left))
			return true;
		start = end + 1;
	}
	return false;
}

static bool
matches_any(const struct buf *patterns, struct str path, uint64_t *steps_left)
{
	struct str rest = buf_view(patterns);
	struct str pattern;

	while (patterns->len > 0 && *steps_left > 0 && str_next(&rest, ',', &pattern)) {
		if (matches(str_trim(pattern), path, steps_left))
			return true;
	}
	return false;
}

bool
lfs_filter_wants(struct lfs_filter *f, struct str path)
{
	return (f->include.len == 0 || matches_any(&f->include, path, &f->steps_left)) &&
	       !matches_any(&f->exclude, path, &f->steps_left) && f->steps_left > 0;
}
