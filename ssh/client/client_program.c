/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The program's name and path. workspace-connect sets the name once.
 */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/ascii.h"
#include "ssh/client/client_private.h"

static const char *program_name = "workspace-proxy";
static const char *program_argument; /* argv[0] of main; NULL: not needed */

void
client_program_set(const char *name, const char *argument)
{
	program_name = name;
	program_argument = argument;
}

const char *
client_name(void)
{
	return program_name;
}

int
client_fail(const struct err *e, int code)
{
	(void)fprintf(stderr, "%s: %s\n", program_name, e->text);
	return code;
}

/* As a shell found it. */
static bool
find_in_path(const char *name, char out[PATH_MAX])
{
	const char *path = getenv("PATH");
	struct str rest = str_from(path);
	struct str folder;

	while (rest.len > 0 && str_next(&rest, ':', &folder)) {
		char file[PATH_MAX];
		int len = snprintf(file, sizeof(file), "%.*s/%s", STR_FMT(folder), name);

		if (folder.len > 0 && len > 0 && (size_t)len < sizeof(file) &&
		    access(file, X_OK) == 0)
			return realpath(file, out) != NULL;
	}
	return false;
}

/* Linux knows it; elsewhere it follows from how we were called. */
static bool
find_program(char out[PATH_MAX])
{
	ssize_t len = readlink("/proc/self/exe", out, PATH_MAX - 1);

	if (len > 0 && len < PATH_MAX - 1) {
		out[len] = '\0';
		return true;
	}
	if (program_argument == NULL || program_argument[0] == '\0')
		return false;
	return strchr(program_argument, '/') != NULL ? realpath(program_argument, out) != NULL
						     : find_in_path(program_argument, out);
}

/* In single quotes, which all shells have, if that is necessary. ssh replaces "%%" by '%'. */
static void
quote(const char *path, char out[CLIENT_WORD_MAX])
{
	bool is_plain = ascii_all_alnum_or(str_from(path), STR("/._-+,@:="));

	if (!is_plain)
		*out++ = '\'';
	for (; *path != '\0'; path++) {
		*out++ = *path;
		if (*path == '%')
			*out++ = '%';
	}
	if (!is_plain)
		*out++ = '\'';
	*out = '\0';
}

bool
client_program(char out[CLIENT_WORD_MAX], struct err *e)
{
	char path[PATH_MAX];

	if (!find_program(path))
		return err_set(e, ERR_SYSTEM, "the path of this program is not known");
	if (strlen(path) >= CLIENT_PATH_MAX)
		return err_set(e, ERR_LIMIT, "%.200s...: the path of this program is too long",
			       path);
	if (path[strcspn(path, "'\\\n")] != '\0')
		return err_set(e, ERR_CONFIG,
			       "%.200s: a program in a path with single quotes, backslashes or "
			       "line breaks can't be given to ssh",
			       path);
	quote(path, out);
	return true;
}
