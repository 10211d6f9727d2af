/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rewrites core.worktree and the .git file of a submodule.
 */
#include "clone/git/gitlink.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#define LINK_MAX_BYTES 16384u

static struct str
without_slash(struct str path)
{
	while (path.len > 1 && (path.data[path.len - 1] == '/' || path.data[path.len - 1] == '\n'))
		path.len--;
	return path;
}

static int
tidy_worktree(git_repository *repository)
{
	git_config *config = NULL;
	git_buf value = {0};
	struct buf path;
	int code = git_repository_config(&config, repository);

	buf_init(&path, LINK_MAX_BYTES);
	if (code == 0)
		code = git_config_get_string_buf(&value, config, "core.worktree");
	if (code == 0)
		code = buf_add_str(&path, without_slash((struct str){value.ptr, value.size})) &&
				       buf_add_byte(&path, '\0')
			       ? git_config_set_string(config, "core.worktree", path.data)
			       : GIT_ERROR;
	git_config_free(config);
	git_buf_dispose(&value);
	buf_fini(&path);
	return code;
}

static bool
tidy_file(const char *path)
{
	char text[LINK_MAX_BYTES];
	FILE *file = fopen(path, "r+e");
	struct str link;
	bool ok;

	if (file == NULL)
		return false;
	link = without_slash((struct str){text, fread(text, 1, sizeof(text), file)});
	ok = fseek(file, 0, SEEK_SET) == 0 && ftruncate(fileno(file), 0) == 0 &&
	     fprintf(file, "%.*s\n", STR_FMT(link)) > 0;
	return fclose(file) == 0 && ok;
}

bool
gitlink_tidy(struct transfer *t)
{
	struct buf path;
	int code = tidy_worktree(t->repository);
	bool ok;

	if (code < 0)
		return git_steps_fail(t, code, "set core.worktree");
	buf_init(&path, LINK_MAX_BYTES);
	ok = buf_addf(&path, "%s/.git", t->request->into) && buf_add_byte(&path, '\0') &&
	     tidy_file(path.data);
	buf_fini(&path);
	return ok || failure_set_errno(t->failure, errno, "write the .git file of a submodule");
}
